import { readdir } from 'node:fs/promises';
import { lastValueFrom, map, take, toArray } from 'rxjs';
import { display } from '../display.ts';
import { partFlags } from './prompt-command.ts';
import { PROMPT_COMMANDS, findCommand } from './prompt-commands.ts';
import type { PromptSession } from './prompt-session.ts';
import { quoteWord, splitWords } from './words.ts';

const MAX_OFFERS = 1000;
const PATIENCE_MS = 2000;

/** What readline's Tab wants: the words that fit, and the part of the line that they replace. */
export type Offers = [string[], string];

/** Offers commands for the first word of a line, and for the others names on the server or on this machine. */
export const completeLine = async (line: string, session: PromptSession): Promise<Offers> => {
  const typed = /(?:\\.|[^\s\\])*$/.exec(line)?.[0] ?? '';
  const before = line.slice(0, line.length - typed.length).trim();
  if (before === '') {
    const names = PROMPT_COMMANDS.flatMap((command) => command.names).filter((name) => /^[a-z]/.test(name));
    return [names.filter((name) => name.startsWith(typed.toLowerCase())).map((name) => `${name} `), typed];
  }
  try {
    const [word = '', ...words] = splitWords(before);
    const command = findCommand(word);
    const { completes = [] } = command;
    const side = completes[partFlags(words, command).names.length] ?? completes.at(-1);
    if (side === undefined) return [[], typed];
    const [start = ''] = splitWords(typed);
    const folder = start.slice(0, start.lastIndexOf('/') + 1);
    const names = await (side === 'remote' ? remoteNames(folder, session) : localNames(folder, session));
    // readline shows what it is offered as it is, so a name that would need escaping is not offered.
    const fitting = names
      .map((name) => folder + name)
      .filter((name) => name.startsWith(start) && display(name) === name);
    return [fitting.map((name) => quoteWord(name) + (name.endsWith('/') ? '' : ' ')), typed];
  } catch {
    // Nothing to offer: a mistake in the line is told when the line is sent.
    return [[], typed];
  }
};

const remoteNames = async (folder: string, session: PromptSession): Promise<string[]> => {
  if (!session.isConnected) return [];
  const client = await session.client(AbortSignal.timeout(PATIENCE_MS));
  const names$ = client.list(session.remotePath(folder)).pipe(
    take(MAX_OFFERS),
    map(({ name, kind }) => (kind === 'folder' ? `${name}/` : name)),
    toArray(),
  );
  return lastValueFrom(names$);
};

const localNames = async (folder: string, session: PromptSession): Promise<string[]> => {
  const entries = await readdir(session.localPath(folder === '' ? '.' : folder), { withFileTypes: true });
  return entries.slice(0, MAX_OFFERS).map((entry) => entry.name + (entry.isDirectory() ? '/' : ''));
};
