import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  opendirSync,
  readSync,
  readlinkSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { SMALL_FILE_BYTES } from '../../protocol/block.ts';
import { type Entry, PERMISSION_BITS } from '../../protocol/entry.ts';
import { entryOf } from '../entry-of.ts';
import { isKeptName, keptName, passingName } from '../part-names.ts';
import { isInside } from '../path-gate.ts';
import { undecodedNames } from '../undecoded-names.ts';

/** A folder of a store: the store's real root, and the names that lead to it from there. */
export interface JobFolder {
  readonly root: string;
  readonly names: readonly string[];
}

/** What one job needs and what it gives, by its type. */
export interface FolderJobs {
  /** What names of the folder are; those that are gone are left out. */
  readonly entries: { readonly asks: { readonly of: readonly string[] }; readonly gives: Entry[] };
  /** What is in the folder, part files too, if it is no more than `atMost`. */
  readonly list: {
    readonly asks: { readonly atMost: number };
    /** `undecoded` are names that are not Unicode, and so lead to no entry. */
    readonly gives: { readonly entries: Entry[]; readonly undecoded: readonly string[] };
  };
  /** Whether an older try at a file has left a part. */
  readonly hasKept: { readonly asks: { readonly name: string }; readonly gives: boolean };
  /** Makes a folder unless it is there. */
  readonly ensureFolder: { readonly asks: { readonly name: string }; readonly gives: true };
  /** Finds that a file may be written under a name. */
  readonly check: { readonly asks: { readonly name: string }; readonly gives: true };
  readonly read: {
    readonly asks: { readonly name: string };
    readonly gives: { readonly entry: Entry; readonly bytes: Buffer };
  };
  /** Writes a file, whole or not at all, and says whether an older try at it has left a part. */
  readonly write: { readonly asks: SmallContent; readonly gives: { readonly hasKept: boolean } };
}

/** A file to write. */
export interface SmallContent {
  readonly name: string;
  readonly bytes: Buffer;
  /** Permission bits. @default those of the replaced file, or the system's */
  readonly mode?: number | undefined;
  /** Modified time in milliseconds since 1970. @default now */
  readonly modified?: number | undefined;
  readonly replace: boolean;
  readonly fsync: boolean;
}

export type JobType = keyof FolderJobs;
export type JobAsks<T extends JobType> = FolderJobs[T]['asks'];
export type JobGives<T extends JobType> = FolderJobs[T]['gives'];
export type FolderJob = { [T in JobType]: { readonly type: T; readonly folder: JobFolder } & JobAsks<T> }[JobType];

/**
 * Does jobs one after the other with calls that wait for the disk, in the calling thread. What one cannot do, for
 * whatever reason, it leaves undone and gives `undefined`: the ordinary way finds the reason.
 */
export const doJobs = (jobs: readonly FolderJob[]): unknown[] => {
  const folders = new HeldFolders();
  try {
    return jobs.map((job) => attempt(() => doJob(folders.at(job.folder), job)));
  } finally {
    folders.close();
  }
};

const doJob = (folder: HeldFolder, job: FolderJob): JobGives<JobType> => {
  const { location } = folder;
  switch (job.type) {
    case 'entries':
      return entriesOf(location, job.of);
    case 'list':
      return listFew(location, job.atMost);
    case 'hasKept':
      return folder.hasKept(job.name);
    case 'ensureFolder':
      ensureFolder(`${location}/${job.name}`);
      return true;
    case 'check':
      modeOfReplaced(`${location}/${job.name}`);
      return true;
    case 'read':
      return readSmall(location, job.name);
    case 'write':
      writeSmall(location, job);
      return { hasKept: folder.hasKept(job.name) };
  }
};

const attempt = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

/** The folders of a run of jobs, held open while it lasts: what was checked to be inside the root is what is used. */
class HeldFolders {
  readonly #held = new Map<string, HeldFolder>();

  /** The folder itself; throws if it leads out of the root. */
  at({ root, names }: JobFolder): HeldFolder {
    const path = join(root, ...names);
    // One folder may be inside of one store and outside of another.
    const key = `${root}\0${path}`;
    const held = this.#held.get(key) ?? new HeldFolder(path, root);
    this.#held.set(key, held);
    return held;
  }

  close(): void {
    for (const folder of this.#held.values()) folder.close();
  }
}

// Names of a folder that are looked through at one go for the parts of several files.
const LOOKED_THROUGH = 256;

class HeldFolder {
  readonly #fd: number;
  /** A path to the folder itself, whatever its name leads to by now. */
  readonly location: string;
  #asked = 0;
  #keptNames: ReadonlySet<string> | undefined;

  constructor(path: string, root: string) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    this.location = `/proc/self/fd/${this.#fd}`;
    if (attempt(() => isInside(root, readlinkSync(this.location)))) return;
    this.close();
    throw new Error('leads out of the root');
  }

  /** Whether an older try at a file has left a part. For more than one file of a small folder all names are read once. */
  hasKept(name: string): boolean {
    this.#asked += 1;
    if (this.#asked === 2)
      this.#keptNames = attempt(() => new Set(fewNames(this.location, LOOKED_THROUGH).filter(isKeptName)));
    const kept = keptName(name);
    return this.#keptNames?.has(kept) ?? existsSync(`${this.location}/${kept}`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Those that are gone are left out, and those that are not Unicode. */
const entriesOf = (folder: string, names: readonly string[]): Entry[] =>
  names.flatMap((name) => attempt(() => entryOf(name, lstatSync(`${folder}/${name}`))) ?? []);

const listFew = (folder: string, atMost: number): JobGives<'list'> => {
  const names = fewNames(folder, atMost);
  const entries = entriesOf(folder, names);
  return { entries, undecoded: undecodedNames(names, entries) };
};

const fewNames = (folder: string, atMost: number): string[] => {
  const opened = opendirSync(folder, { bufferSize: atMost });
  try {
    const names: string[] = [];
    for (let next = opened.readSync(); next !== null; next = opened.readSync()) {
      if (names.length === atMost) throw new Error('too many');
      names.push(next.name);
    }
    return names;
  } finally {
    opened.closeSync();
  }
};

/** Throws if something else is there, a link among it, which only the ordinary way may follow. */
const ensureFolder = (location: string): void => {
  const stats = lstatSync(location, { throwIfNoEntry: false });
  if (stats === undefined) mkdirSync(location);
  else if (!stats.isDirectory()) throw new Error('something else has the name');
};

/** The permissions of the file that has a name, if one has; throws if something else has it. */
const modeOfReplaced = (location: string): number | undefined => {
  const stats = lstatSync(location, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isFile()) throw new Error('something else has the name');
  return stats && stats.mode & PERMISSION_BITS;
};

const readSmall = (folder: string, name: string): JobGives<'read'> => {
  const fd = openSync(`${folder}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const before = fstatSync(fd);
    if (!before.isFile() || before.size > SMALL_FILE_BYTES) throw new Error('not a small file');
    const bytes = Buffer.allocUnsafeSlow(before.size);
    for (let at = 0; at < bytes.length;) {
      const read = readSync(fd, bytes, at, bytes.length - at, at);
      if (read === 0) throw new Error('shrank');
      at += read;
    }
    const after = fstatSync(fd);
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw new Error('changed');
    return { entry: entryOf(name, before), bytes };
  } finally {
    closeSync(fd);
  }
};

const writeSmall = (folder: string, content: SmallContent): void => {
  const { name, replace, fsync } = content;
  const target = `${folder}/${name}`;
  const hidden = `${folder}/${passingName()}`;
  const replacedMode = modeOfReplaced(target);
  try {
    writeHidden(hidden, { ...content, mode: content.mode ?? replacedMode });
    if (replace) renameSync(hidden, target);
    else {
      // A hard link fails if the name is taken, which a rename does not.
      linkSync(hidden, target);
      unlinkSync(hidden);
    }
  } catch (error) {
    attempt(() => unlinkSync(hidden));
    throw error;
  }
  if (fsync) flushFolder(folder);
};

const writeHidden = (location: string, { bytes, mode, modified, fsync }: SmallContent): void => {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(location, flags, mode);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    // Again, because the system takes its mask off the permissions of a new file.
    if (mode !== undefined) fchmodSync(fd, mode);
    if (modified !== undefined) futimesSync(fd, new Date(modified), new Date(modified));
    if (fsync) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

const flushFolder = (location: string): void => {
  const fd = openSync(location, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};
