import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type Client,
  DIGEST_NAMES,
  FileError,
  OptionError,
  RemoteError,
  type RemotePath,
  SluiceError,
  formatPath,
} from '../../lib/index.ts';
import { DEFAULT_PORT, parsePort } from '../address.ts';
import { display } from '../display.ts';
import { formatEntry, readListing, reportListing } from '../listing.ts';
import type { Reporter } from '../reporter.ts';
import { runTransfer } from '../transfer.ts';
import { formatBytes } from '../units.ts';
import { isNearName } from './near-name.ts';
import type { PromptSession } from './prompt-session.ts';

/** What a command at the prompt has to work with. */
export interface PromptContext {
  readonly session: PromptSession;
  readonly reporter: Reporter;
  /** Aborted by Ctrl-C, or by the word `abort`, while the command runs. */
  readonly signal: AbortSignal;
  /** Ends the prompt after this command. */
  readonly leave: () => void;
}

export interface PromptCommand {
  /** The name that help shows, and its other ones. */
  readonly names: readonly [string, ...string[]];
  /** Arguments as help shows them. */
  readonly usage: string;
  readonly describe: string;
  /** Least and most number of arguments. */
  readonly arity: readonly [number, number];
  /** What Tab offers for each argument; the last one stands for those behind it too. */
  readonly completes?: readonly ('remote' | 'local')[];
  run(words: readonly string[], context: PromptContext): Promise<void> | void;
}

/** Every command of the prompt, in the order of the help. */
export const PROMPT_COMMANDS: readonly PromptCommand[] = [
  {
    names: ['ls', 'dir'],
    usage: '[PATH]',
    describe: 'list a folder on the server',
    arity: [0, 1],
    completes: ['remote'],
    run: async ([word = ''], { session, reporter, signal }) => {
      const entries = await readListing(await session.client(signal), session.remotePath(word));
      reportListing(entries, reporter);
    },
  },
  {
    names: ['get', 'download'],
    usage: 'FILE [LOCAL]',
    describe: 'download a file',
    arity: [1, 2],
    completes: ['remote', 'local'],
    run: async ([from = '', to], { session, reporter, signal }) => {
      const remote = session.remotePath(from);
      const name = remote.at(-1);
      if (name === undefined) throw new OptionError('get takes a file, not the root folder');
      const wanted = session.localPath(to ?? name);
      const local = (await isLocalFolder(wanted)) ? join(wanted, name) : wanted;
      const client = await session.client(signal);
      const label = { direction: 'download', from: formatPath(remote), to: local } as const;
      await runTransfer(client.download(remote, local, { signal }), label, reporter);
    },
  },
  {
    names: ['put', 'upload'],
    usage: 'FILE [REMOTE]',
    describe: 'upload a file',
    arity: [1, 2],
    completes: ['local', 'remote'],
    run: async ([from = '', to], { session, reporter, signal }) => {
      const local = session.localPath(from);
      const client = await session.client(signal);
      const wanted = session.remotePath(to ?? '.');
      const remote = (await isRemoteFolder(client, wanted)) ? [...wanted, basename(local)] : wanted;
      const label = { direction: 'upload', from: local, to: formatPath(remote) } as const;
      await runTransfer(client.upload(local, remote, { signal }), label, reporter);
    },
  },
  {
    names: ['delete', 'rm'],
    usage: 'FILE',
    describe: 'delete a file on the server',
    arity: [1, 1],
    completes: ['remote'],
    run: async ([word = ''], { session, reporter, signal }) => {
      const path = session.remotePath(word);
      await (await session.client(signal)).remove(path);
      reporter.result({ type: 'deleted', path }, [`${display(formatPath(path))}: deleted`]);
    },
  },
  {
    names: ['mkdir'],
    usage: 'FOLDER',
    describe: 'make a folder on the server',
    arity: [1, 1],
    completes: ['remote'],
    run: async ([word = ''], { session, reporter, signal }) => {
      const path = session.remotePath(word);
      await (await session.client(signal)).makeFolder(path);
      reporter.result({ type: 'made', path }, [`${display(formatPath(path))}: made`]);
    },
  },
  {
    names: ['rmdir'],
    usage: '[-r] FOLDER',
    describe: 'remove an empty folder on the server; with -r all that is in it too',
    arity: [1, 2],
    completes: ['remote'],
    run: async (words, { session, reporter, signal }) => {
      const recursive = words[0] === '-r' && words.length === 2;
      if (words.length === 2 && !recursive) throw new OptionError(`usage: rmdir [-r] FOLDER`);
      const path = session.remotePath(words.at(-1) ?? '');
      await (await session.client(signal)).removeFolder(path, { recursive });
      reporter.result({ type: 'removed', path }, [`${display(formatPath(path))}: removed`]);
    },
  },
  {
    names: ['mv', 'move'],
    usage: 'FROM TO',
    describe: 'move a file or folder on the server, to a new name or into a folder',
    arity: [2, 2],
    completes: ['remote'],
    run: async ([from = '', to = ''], { session, reporter, signal }) => {
      const [source, target] = [session.remotePath(from), session.remotePath(to)];
      await (await session.client(signal)).move(source, target);
      const line = `${display(formatPath(source))} -> ${display(formatPath(target))}`;
      reporter.result({ type: 'moved', from: source, to: target }, [line]);
    },
  },
  {
    names: ['stat'],
    usage: 'PATH',
    describe: 'show size, time and permissions on the server',
    arity: [1, 1],
    completes: ['remote'],
    run: async ([word = ''], { session, reporter, signal }) => {
      const path = session.remotePath(word);
      const entry = await (await session.client(signal)).stat(path);
      reporter.result(entry, formatEntry(entry, formatPath(path)));
    },
  },
  {
    names: ['hash'],
    usage: 'FILE [blake3|sha256]',
    describe: 'show the digest of a file on the server, as b3sum and sha256sum do',
    arity: [1, 2],
    completes: ['remote'],
    run: async ([word = '', wanted = 'blake3'], { session, reporter, signal }) => {
      const algorithm = DIGEST_NAMES.find((name) => name === wanted);
      if (algorithm === undefined)
        throw new OptionError(`unknown digest "${wanted}": use ${DIGEST_NAMES.join(' or ')}`);
      const path = session.remotePath(word);
      const digest = await (await session.client(signal)).hash(path, algorithm);
      reporter.result({ type: 'digest', algorithm, path, digest }, [`${digest}  ${display(formatPath(path))}`]);
    },
  },
  {
    names: ['cd', 'chdir'],
    usage: '[FOLDER]',
    describe: 'change the folder on the server; without a name to the root',
    arity: [0, 1],
    completes: ['remote'],
    run: async ([word = '/'], { session, reporter, signal }) => {
      const path = session.remotePath(word);
      const { kind } = await (await session.client(signal)).stat(path);
      if (kind !== 'folder') throw new RemoteError('NOT_A_FOLDER', `${formatPath(path)}: is not a folder`);
      session.remoteFolder = path;
      reporter.result({ type: 'folder', path }, [display(formatPath(path))]);
    },
  },
  {
    names: ['pwd'],
    usage: '',
    describe: 'show the folder on the server',
    arity: [0, 0],
    run: (_, { session, reporter }) => {
      const path = session.remoteFolder;
      reporter.result({ type: 'folder', path }, [display(formatPath(path))]);
    },
  },
  {
    names: ['lcd'],
    usage: '[FOLDER]',
    describe: 'change the folder on this machine; without a name to where you started',
    arity: [0, 1],
    completes: ['local'],
    run: async ([word], { session, reporter }) => {
      const folder = word === undefined ? process.cwd() : session.localPath(word);
      if (!(await isLocalFolder(folder))) throw new FileError('NOT_A_FOLDER', `${folder}: is not a folder`);
      session.localFolder = folder;
      reporter.result({ type: 'local-folder', path: folder }, [display(folder)]);
    },
  },
  {
    names: ['lls'],
    usage: '[FOLDER]',
    describe: 'list a folder on this machine',
    arity: [0, 1],
    completes: ['local'],
    run: async ([word = '.'], { session, reporter }) => {
      const entries = await readLocalFolder(session.localPath(word));
      reporter.result(entries, entries.map(display));
    },
  },
  {
    names: ['lpwd'],
    usage: '',
    describe: 'show the folder on this machine',
    arity: [0, 0],
    run: (_, { session: { localFolder }, reporter }) =>
      reporter.result({ type: 'local-folder', path: localFolder }, [display(localFolder)]),
  },
  {
    names: ['connect'],
    usage: 'HOST [PORT]',
    describe: 'connect to a server',
    arity: [1, 2],
    run: async ([host = '', port = String(DEFAULT_PORT)], { session, reporter, signal }) => {
      if (session.isConnected) throw new OptionError('connected already: say disconnect first');
      const address = { host, port: parsePort(port) };
      await session.connect(address, signal);
      reporter.result({ type: 'connected', ...address }, [`connected to ${host} port ${address.port}`]);
    },
  },
  {
    names: ['disconnect'],
    usage: '',
    describe: 'end the session, not the program',
    arity: [0, 0],
    run: async (_, { session, reporter }) => {
      const line = session.isConnected ? 'disconnected' : 'not connected';
      await session.disconnect();
      reporter.result({ type: 'disconnected' }, [line]);
    },
  },
  {
    names: ['status'],
    usage: '',
    describe: 'show the server, the folders, the round trip and the free space',
    arity: [0, 0],
    run: async (_, { session, reporter }) => {
      const { address, isConnected, remoteFolder, localFolder } = session;
      const here = [`folder here   ${display(localFolder)}`];
      if (!isConnected || address === undefined)
        return reporter.result({ type: 'status', connected: false, localFolder }, ['not connected', ...here]);
      const client = await session.client(AbortSignal.timeout(10_000));
      const [roundTripMs, space] = [await client.ping(), await client.space()];
      reporter.result({ type: 'status', connected: true, ...address, remoteFolder, localFolder, roundTripMs, space }, [
        `connected to  ${address.host} port ${address.port}`,
        `folder there  ${display(formatPath(remoteFolder))}`,
        ...here,
        `round trip    ${roundTripMs.toFixed(1)} ms`,
        `free space    ${formatBytes(space.free)} of ${formatBytes(space.total)}`,
      ]);
    },
  },
  {
    names: ['abort'],
    usage: '',
    describe: 'cancel the transfer that runs, as Ctrl-C does',
    arity: [0, 0],
    run: (_, { reporter }) => reporter.result({ type: 'nothing-to-abort' }, ['nothing is running']),
  },
  {
    names: ['help', '?'],
    usage: '[COMMAND]',
    describe: 'show this list, or one line of it',
    arity: [0, 1],
    run: ([word], { reporter }) => {
      const commands = word === undefined ? PROMPT_COMMANDS : [findCommand(word)];
      reporter.result(commands, helpLines(commands));
    },
  },
  {
    names: ['quit', 'exit', 'bye'],
    usage: '',
    describe: 'end the session and the program',
    arity: [0, 0],
    run: (_, { leave }) => leave(),
  },
];

/** The command of a name, in upper or lower case; throws `OPTION_INVALID` with a hint for any other word. */
export const findCommand = (word: string): PromptCommand => {
  const name = word.toLowerCase();
  const found = PROMPT_COMMANDS.find(({ names }) => names.includes(name));
  if (found !== undefined) return found;
  const near = PROMPT_COMMANDS.flatMap(({ names }) => names).filter((known) => isNearName(name, known));
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'try help';
  throw new OptionError(`unknown command "${word}": ${hint}`);
};

const helpLines = (commands: readonly PromptCommand[]): string[] => {
  const rows = commands.map(({ names, usage, describe }) => [`${names.join(', ')} ${usage}`.trim(), describe] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, describe]) => `${left.padEnd(width)}  ${describe}`);
};

const isLocalFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

const isRemoteFolder = async (client: Client, path: RemotePath): Promise<boolean> => {
  if (path.length === 0) return true;
  try {
    return (await client.stat(path)).kind === 'folder';
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
};

const readLocalFolder = async (folder: string): Promise<string[]> => {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => entry.name + (entry.isDirectory() ? '/' : '')).sort();
  } catch (error) {
    throw new FileError('NOT_A_FOLDER', `${folder}: cannot be listed`, { cause: error });
  }
};
