import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { PERMISSION_BITS } from '../../protocol/entry.ts';
import { OPEN_FOLDER } from '../open-flags.ts';
import { isKeptName, keptName, passingName } from '../part-names.ts';
import { attempt } from './attempt.ts';
import type { JobAsks, NewFile, WriteOptions, WriteResult } from './jobs.ts';
import { fewNames } from './list-few.ts';

const OPEN_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Writes files of one folder, each whole or not at all. */
export const writeSmall = (folder: string, { files, bytes, replace, fsync }: JobAsks<'write'>): WriteResult[] => {
  const there = namesThere(folder, files.length);
  // One after the other is called so, until it gets its own name.
  const hidden = `${folder}/${passingName()}`;
  const results: WriteResult[] = [];
  let at = 0;
  for (const file of files) {
    const content = bytes.subarray(at, (at += file.size));
    const isNew = !there.has(file.name);
    const isWritten = writeOne(`${folder}/${file.name}`, hidden, { ...file, bytes: content, replace, fsync, isNew });
    if (!isWritten) results.push('undone');
    else results.push(there.hasKept(file.name) ? 'kept' : 'written');
  }
  if (fsync) flushFolder(folder);
  return results;
};

/** What is known of the names in a folder before files are written there. */
interface NamesThere {
  readonly has: (name: string) => boolean;
  readonly hasKept: (name: string) => boolean;
}

// Names of a folder that are looked through at one go.
const LOOKED_THROUGH = 256;

/** For more than one file of a small folder all names are read once; otherwise each is looked for. */
const namesThere = (folder: string, files: number): NamesThere => {
  const names = files > 1 ? attempt(() => new Set(fewNames(folder, LOOKED_THROUGH))) : undefined;
  if (names === undefined) return { has: () => true, hasKept: (name) => existsSync(`${folder}/${keptName(name)}`) };
  const hasAnyKept = [...names].some(isKeptName);
  return { has: (name) => names.has(name), hasKept: (name) => hasAnyKept && names.has(keptName(name)) };
};

interface Writing extends NewFile, WriteOptions {
  readonly bytes: Buffer;
  /** Whether nothing had the name just now. */
  readonly isNew: boolean;
}

const writeOne = (target: string, hidden: string, writing: Writing): boolean => {
  try {
    const replacedMode = writing.isNew ? undefined : modeOfReplaced(target);
    writeHidden(hidden, { ...writing, mode: writing.mode ?? replacedMode });
    giveName(hidden, target, writing.replace);
    return true;
  } catch {
    attempt(() => unlinkSync(hidden));
    return false;
  }
};

const giveName = (hidden: string, target: string, replace: boolean): void => {
  if (replace) return renameSync(hidden, target);
  // A hard link fails if the name is taken, which a rename does not.
  linkSync(hidden, target);
  unlinkSync(hidden);
};

/** Throws if something else than a file is where one is to be written. */
export const assertReplaceable = (location: string): void => void modeOfReplaced(location);

/** The permissions of the file that has a name, if one has; throws if something else has it. */
const modeOfReplaced = (location: string): number | undefined => {
  const stats = lstatSync(location, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isFile()) throw new Error('something else has the name');
  return stats && stats.mode & PERMISSION_BITS;
};

const writeHidden = (location: string, { bytes, mode, modified, fsync }: Writing): void => {
  const fd = openSync(location, OPEN_NEW, mode);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    // Again, because the system takes its mask off the permissions of a new file.
    if (mode !== undefined) fchmodSync(fd, mode);
    if (modified !== undefined) setTime(fd, new Date(modified));
    if (fsync) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

// As a date: of numbers below zero Node makes the present time.
const setTime = (fd: number, time: Date): void => futimesSync(fd, time, time);

const flushFolder = (location: string): void => {
  const fd = openSync(location, OPEN_FOLDER);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};
