import { type Stats, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SMALL_FILE_BYTES } from '../../protocol/block.ts';
import { entryOf } from '../entry-of.ts';
import { OPEN_TO_READ } from '../open-flags.ts';
import type { FileSize, JobGives } from './jobs.ts';

/** Reads one small file, whatever its size is; throws if it is none. */
export const openSmall = (folder: string, name: string): JobGives<'open'> => {
  const fd = openSync(`${folder}/${name}`, OPEN_TO_READ);
  try {
    const stats = fstatSync(fd);
    if (stats.size > SMALL_FILE_BYTES) throw new Error('not a small file');
    const bytes = Buffer.allocUnsafeSlow(stats.size);
    fill(bytes, fd, stats);
    return { entry: entryOf(name, stats), bytes };
  } finally {
    closeSync(fd);
  }
};

/** Reads files of known sizes into one memory. */
export const readSmall = (folder: string, files: readonly FileSize[]): JobGives<'read'> => {
  let size = 0;
  for (const file of files) size += file.size;
  const bytes = Buffer.allocUnsafeSlow(size);
  const isRead: boolean[] = [];
  let at = 0;
  for (const file of files) {
    const isFilled = readTo(bytes.subarray(at, at + file.size), `${folder}/${file.name}`);
    isRead.push(isFilled);
    if (isFilled) at += file.size;
  }
  return { isRead, bytes };
};

/** Fills a place of just its size with a file's content; false if that cannot be. */
const readTo = (place: Buffer, location: string): boolean => {
  try {
    const fd = openSync(location, OPEN_TO_READ);
    try {
      fill(place, fd, fstatSync(fd));
      return true;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
};

/** Throws where an open file has another size than the place for it, or becomes another while it is read. */
const fill = (place: Buffer, fd: number, before: Stats): void => {
  if (!before.isFile() || before.size !== place.length) throw new Error('not a file of that size');
  for (let at = 0; at < place.length;) {
    const read = readSync(fd, place, at, place.length - at, at);
    if (read === 0) throw new Error('shrank');
    at += read;
  }
  const after = fstatSync(fd);
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) throw new Error('changed');
};
