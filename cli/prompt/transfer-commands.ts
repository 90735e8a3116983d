import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { filter, lastValueFrom, map, toArray } from 'rxjs';
import { type Client, FileError, OptionError, type RemotePath, formatPath } from '../../lib/index.ts';
import { isRemoteFolder } from '../remote-kind.ts';
import { type CopyPlaces, downloadTo, isLocalFolder, uploadFrom } from '../copy.ts';
import { forEachFile } from '../for-each-file.ts';
import { type Job, jobLine, jobObject } from './jobs.ts';
import { matchesPattern, splitPattern } from './match-names.ts';
import type { PromptCommand, PromptContext } from './prompt-command.ts';

/** What a transfer of the prompt was asked to do, so that it can be done again. */
export interface TransferWork {
  readonly places: CopyPlaces;
  readonly flags: ReadonlySet<string>;
}

/** The commands of the prompt that move files, in the order of the help. */
export const TRANSFER_COMMANDS: readonly PromptCommand[] = [
  {
    names: ['get', 'download'],
    usage: '[-r] [-p] FILE [LOCAL]',
    describe: 'download a file, with -r a folder; -p keeps time and permissions',
    flags: ['-r', '-p'],
    arity: [1, 2],
    completes: ['remote', 'local'],
    run: async ([from = '', to], context, flags) => {
      const { session } = context;
      const remote = session.remotePath(from);
      const name = remote.at(-1);
      if (name === undefined && to === undefined) throw new OptionError('say where here the root folder shall go');
      const wanted = session.localPath(to ?? name ?? '');
      const local = name !== undefined && (await isLocalFolder(wanted)) ? join(wanted, name) : wanted;
      await transfer(download(remote, local), context, flags);
    },
  },
  {
    names: ['put', 'upload'],
    usage: '[-r] [-p] FILE [REMOTE]',
    describe: 'upload a file, with -r a folder; -p keeps time and permissions',
    flags: ['-r', '-p'],
    arity: [1, 2],
    completes: ['local', 'remote'],
    run: async ([from = '', to], context, flags) => {
      const { session, signal } = context;
      const local = session.localPath(from);
      const wanted = session.remotePath(to ?? '.');
      const isFolder = await isRemoteFolder(await session.client(signal), wanted);
      await transfer(upload(local, isFolder ? [...wanted, basename(local)] : wanted), context, flags);
    },
  },
  {
    names: ['mget'],
    usage: '[-r] [-p] PATTERN...',
    describe: 'download the files that match, like *.txt or pub/a?.[ch]; with -r folders too',
    flags: ['-r', '-p'],
    arity: [1, Infinity],
    completes: ['remote'],
    run: async (patterns, context, flags) => {
      const { session, reporter, signal } = context;
      const found = await matching(patterns, flags, async (word) => {
        const { folder, pattern } = splitPattern(word);
        const path = session.remotePath(folder);
        return remoteNames(await session.client(signal), path, pattern, flags);
      });
      const get = ({ folder, name }: Match) => {
        const remote = [...session.remotePath(folder), name];
        return transfer(download(remote, session.localPath(name)), context, flags);
      };
      await forEachFile(found, get, reporter);
    },
  },
  {
    names: ['mput'],
    usage: '[-r] [-p] PATTERN...',
    describe: 'upload the files that match; with -r folders too',
    flags: ['-r', '-p'],
    arity: [1, Infinity],
    completes: ['local'],
    run: async (patterns, context, flags) => {
      const { session, reporter } = context;
      const found = await matching(patterns, flags, (word) => {
        const { folder, pattern } = splitPattern(word);
        return localNames(session.localPath(folder), pattern, flags);
      });
      const put = ({ folder, name }: Match) => {
        const local = session.localPath(join(folder, name));
        return transfer(upload(local, session.remotePath(`./${name}`)), context, flags);
      };
      await forEachFile(found, put, reporter);
    },
  },
  {
    names: ['resume'],
    usage: '[NUMBER]',
    describe: 'take up the transfer that broke off last, or the one of that number',
    arity: [0, 1],
    run: async ([word], context) => {
      const { session, reporter } = context;
      if (word !== undefined && !/^\d{1,9}$/.test(word)) throw new OptionError(`"${word}" is not the number of a job`);
      const { number, address, work } = session.jobs.toTakeUp(word === undefined ? undefined : Number(word));
      const broken = session.jobs.all.filter(({ trouble }) => trouble !== undefined);
      if (!reporter.json) for (const job of broken) reporter.note(jobLine(job));
      if (address.host !== session.address?.host || address.port !== session.address.port)
        throw new OptionError(`transfer ${number} was with ${address.host} port ${address.port}: connect there first`);
      await transfer(work.places, context, work.flags, number);
    },
  },
  {
    names: ['jobs'],
    usage: '',
    describe: 'show the transfers that run, and those that broke off',
    arity: [0, 0],
    run: (_, { session, reporter }) => {
      const jobs = session.jobs.all;
      if (reporter.json) for (const job of jobs) reporter.result(jobObject(job), []);
      else reporter.result(jobs, jobs.length === 0 ? ['nothing runs, and nothing broke off'] : jobs.map(jobLine));
    },
  },
];

const download = (remote: RemotePath, local: string): CopyPlaces => ({
  remote,
  local,
  label: { direction: 'download', from: formatPath(remote), to: local },
});

const upload = (local: string, remote: RemotePath): CopyPlaces => ({
  remote,
  local,
  label: { direction: 'upload', from: local, to: formatPath(remote) },
});

/** Runs one transfer to its end, as a job of the session. */
const transfer = async (
  places: CopyPlaces,
  { session, reporter, signal }: PromptContext,
  flags: ReadonlySet<string>,
  number?: Job['number'],
): Promise<void> => {
  const client = await session.client(signal);
  const { address } = session;
  if (address === undefined) return;
  const keep = flags.has('-p');
  const options = {
    recursive: flags.has('-r'),
    file: { keepTime: keep, keepMode: keep, signal },
    tree: { signal },
  };
  const copy = places.label.direction === 'download' ? downloadTo : uploadFrom;
  const job = { address, label: places.label, work: { places, flags }, ...(number !== undefined && { number }) };
  await session.jobs.run(job, () => copy(client, places, options, reporter));
};

/** A name that matched, and the folder that stood before its pattern. */
interface Match {
  readonly folder: string;
  readonly name: string;
}

/** What matches any of the patterns, each once. Errors with `NOT_FOUND` for a pattern that nothing matches. */
const matching = async (
  patterns: readonly string[],
  flags: ReadonlySet<string>,
  namesOf: (word: string) => Promise<readonly string[]>,
): Promise<readonly Match[]> => {
  const found = new Map<string, Match>();
  for (const word of patterns) {
    const names = await namesOf(word);
    if (names.length === 0)
      throw new FileError('NOT_FOUND', `${word}: no file${flags.has('-r') ? ' or folder' : ''} matches`);
    const { folder } = splitPattern(word);
    for (const name of names) found.set(folder + name, { folder, name });
  }
  assertDifferent([...found.values()]);
  return [...found.values()];
};

/** Two files of one name would become one, and nobody would be told. */
const assertDifferent = (matches: readonly Match[]): void => {
  const names = new Set<string>();
  for (const { name } of matches) {
    if (names.has(name)) throw new OptionError(`two of the files are called "${name}"`);
    names.add(name);
  }
};

const remoteNames = (
  client: Client,
  path: RemotePath,
  pattern: string,
  flags: ReadonlySet<string>,
): Promise<string[]> => {
  const matches = matchesPattern(pattern);
  const names$ = client.list(path).pipe(
    filter(({ name, kind }) => (kind === 'file' || (kind === 'folder' && flags.has('-r'))) && matches(name)),
    map(({ name }) => name),
    toArray(),
  );
  return lastValueFrom(names$).then((names) => names.sort());
};

const localNames = async (folder: string, pattern: string, flags: ReadonlySet<string>): Promise<string[]> => {
  const matches = matchesPattern(pattern);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new FileError('NOT_A_FOLDER', `${folder}: cannot be listed`, { cause: error });
  });
  return entries
    .filter((entry) => (!entry.isDirectory() || flags.has('-r')) && matches(entry.name))
    .map(({ name }) => name)
    .sort();
};
