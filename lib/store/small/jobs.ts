import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import type { Entry } from '../../protocol/entry.ts';
import { keptName } from '../part-names.ts';
import { attempt } from './attempt.ts';
import { HeldFolders } from './held-folders.ts';
import { entriesOf, listFew } from './list-few.ts';
import { openSmall, readSmall } from './read-small.ts';
import { assertReplaceable, writeSmall } from './write-small.ts';

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
  /** Opens one small file, whatever it holds. */
  readonly open: {
    readonly asks: { readonly name: string };
    readonly gives: { readonly entry: Entry; readonly bytes: Buffer<ArrayBuffer> };
  };
  /** Reads small files of known sizes. */
  readonly read: {
    readonly asks: { readonly files: readonly FileSize[] };
    readonly gives: {
      /** Which of them were read; any other is not as it was said to be, or cannot be read. */
      readonly isRead: readonly boolean[];
      /** The contents of these, one behind the other. */
      readonly bytes: Buffer<ArrayBuffer>;
    };
  };
  /** Writes files, each whole or not at all. */
  readonly write: {
    readonly asks: {
      readonly files: readonly NewFile[];
      /** Their contents, one behind the other. */
      readonly bytes: Buffer<ArrayBuffer>;
    } & WriteOptions;
    readonly gives: readonly WriteResult[];
  };
}

export interface FileSize {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** A file to write. */
export interface NewFile extends FileSize {
  /** Permission bits. @default those of the replaced file, or the system's */
  readonly mode?: number | undefined;
  /** Modified time in milliseconds since 1970. @default now */
  readonly modified?: number | undefined;
}

export interface WriteOptions {
  /** Whether files of those names may be replaced. */
  readonly replace: boolean;
  readonly fsync: boolean;
}

/** `kept`: is written, and an older try at it has left a part; `undone`: to be done in the ordinary way. */
export type WriteResult = 'written' | 'kept' | 'undone';

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

const doJob = (folder: string, job: FolderJob): JobGives<JobType> => {
  switch (job.type) {
    case 'entries':
      return entriesOf(folder, job.of);
    case 'list':
      return listFew(folder, job.atMost);
    case 'hasKept':
      return existsSync(`${folder}/${keptName(job.name)}`);
    case 'ensureFolder':
      ensureFolder(`${folder}/${job.name}`);
      return true;
    case 'check':
      assertReplaceable(`${folder}/${job.name}`);
      return true;
    case 'open':
      return openSmall(folder, job.name);
    case 'read':
      return readSmall(folder, job.files);
    case 'write':
      return writeSmall(folder, job);
  }
};

/** Throws if something else is there, a link among it, which only the ordinary way may follow. */
const ensureFolder = (location: string): void => {
  const stats = lstatSync(location, { throwIfNoEntry: false });
  if (stats === undefined) mkdirSync(location);
  else if (!stats.isDirectory()) throw new Error('something else has the name');
};
