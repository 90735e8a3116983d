import { readdir } from 'node:fs/promises';
import { DIGEST_NAMES, FileError, OptionError, RemoteError, formatPath } from '../../lib/index.ts';
import { DEFAULT_PORT, parsePort } from '../address.ts';
import { isLocalFolder } from '../copy.ts';
import { display } from '../display.ts';
import { formatEntry, readListing, reportListing } from '../listing.ts';
import { ifSupported, remoteKind } from '../remote-kind.ts';
import { formatBytes } from '../units.ts';
import { isNearName } from './near-name.ts';
import type { PromptCommand } from './prompt-command.ts';
import { TRANSFER_COMMANDS } from './transfer-commands.ts';

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
  ...TRANSFER_COMMANDS,
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
    flags: ['-r'],
    arity: [1, 1],
    completes: ['remote'],
    run: async ([word = ''], { session, reporter, signal }, flags) => {
      const path = session.remotePath(word);
      await (await session.client(signal)).removeFolder(path, { recursive: flags.has('-r') });
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
      const kind = await remoteKind(await session.client(signal), path);
      // Where the server cannot tell, the next command will.
      if (kind !== 'folder' && kind !== 'unknown')
        throw new RemoteError('NOT_A_FOLDER', `${formatPath(path)}: is not a folder`);
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
      const [roundTripMs, space] = [await ifSupported(client.ping()), await ifSupported(client.space())];
      reporter.result({ type: 'status', connected: true, ...address, remoteFolder, localFolder, roundTripMs, space }, [
        `connected to  ${address.host} port ${address.port}`,
        `folder there  ${display(formatPath(remoteFolder))}`,
        ...here,
        ...(roundTripMs === undefined ? [] : [`round trip    ${roundTripMs.toFixed(1)} ms`]),
        ...(space === undefined ? [] : [`free space    ${formatBytes(space.free)} of ${formatBytes(space.total)}`]),
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

const readLocalFolder = async (folder: string): Promise<string[]> => {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => entry.name + (entry.isDirectory() ? '/' : '')).sort();
  } catch (error) {
    throw new FileError('NOT_A_FOLDER', `${folder}: cannot be listed`, { cause: error });
  }
};
