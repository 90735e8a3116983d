import { type RemotePath, formatPath } from '../../protocol/path.ts';
import type { SmallRead, SmallWrite, SmallWriteOptions } from '../store.ts';
import { folderThread } from './folder-thread.ts';
import type { FileSize, NewFile, WriteResult } from './jobs.ts';

// Loops in place of callbacks, which are made anew for each run of files: V8 would compile them anew after each collection.

/** Reads files below a store's root by the thread for small files, those of each folder at one go; gives what it can. */
export const readByThread = async (
  root: string,
  files: readonly SmallRead[],
): Promise<readonly (Buffer | undefined)[]> => {
  const contents = new Array<Buffer | undefined>(files.length).fill(undefined);
  const reading: Promise<void>[] = [];
  for (const folder of byFolder(files)) reading.push(readFolder(root, folder, contents));
  await Promise.all(reading);
  return contents;
};

const readFolder = async (
  root: string,
  { names, members }: FolderMembers<SmallRead>,
  contents: (Buffer | undefined)[],
): Promise<void> => {
  const files: FileSize[] = [];
  for (const { name, file } of members) files.push({ name, size: file.size });
  const read = await folderThread.do('read', { root, names }, { files });
  if (read === undefined) return;
  let at = 0;
  for (const [place, { index, file }] of members.entries())
    if (read.isRead[place] === true) contents[index] = read.bytes.subarray(at, (at += file.size));
};

/** Writes files below a store's root by the thread for small files, those of each folder at one go; says what came of each. */
export const writeByThread = async (
  root: string,
  files: readonly SmallWrite[],
  options: SmallWriteOptions,
): Promise<readonly WriteResult[]> => {
  const results = new Array<WriteResult>(files.length).fill('undone');
  const writing: Promise<void>[] = [];
  for (const folder of byFolder(files)) writing.push(writeFolder(root, folder, options, results));
  await Promise.all(writing);
  return results;
};

const writeFolder = async (
  root: string,
  { names, members }: FolderMembers<SmallWrite>,
  { replace = true, fsync = true }: SmallWriteOptions,
  results: WriteResult[],
): Promise<void> => {
  const files: NewFile[] = [];
  for (const { name, file } of members) {
    const { bytes, mode, modified } = file;
    files.push({ name, size: bytes.length, mode, modified });
  }
  const bytes = contentsOf(members);
  const written = await folderThread.do('write', { root, names }, { files, bytes, replace, fsync });
  for (const [place, { index }] of members.entries()) results[index] = written?.[place] ?? 'undone';
};

/** The contents of files in memory of their own, which can be handed over. */
const contentsOf = (members: FolderMembers<SmallWrite>['members']): Buffer<ArrayBuffer> => {
  let size = 0;
  for (const { file } of members) size += file.bytes.length;
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const { file } of members) at += file.bytes.copy(bytes, at);
  return bytes;
};

// More would keep the thread from what others want of it.
const MEMBERS_AT_ONCE = 128;

/** Some of many files that are in one folder. */
interface FolderMembers<T> {
  readonly names: RemotePath;
  /** With their places among all. */
  readonly members: { readonly name: string; readonly index: number; readonly file: T }[];
}

const byFolder = <T extends { readonly path: RemotePath }>(files: readonly T[]): readonly FolderMembers<T>[] => {
  const all: FolderMembers<T>[] = [];
  const latest = new Map<string, FolderMembers<T>>();
  for (const [index, file] of files.entries()) {
    const name = file.path.at(-1);
    if (name === undefined) continue;
    const names = file.path.slice(0, -1);
    const key = formatPath(names);
    let folder = latest.get(key);
    if (folder === undefined || folder.members.length === MEMBERS_AT_ONCE) {
      folder = { names, members: [] };
      latest.set(key, folder);
      all.push(folder);
    }
    folder.members.push({ name, index, file });
  }
  return all;
};
