import { lstat, opendir, unlink } from 'node:fs/promises';
import { PART_PREFIX } from '../protocol/path.ts';

/** How long a part is kept where nobody says otherwise. */
export const KEEP_PARTS_MS = 7 * 24 * 60 * 60_000;

/**
 * Removes the part files of a folder that nobody has written to for so long, and gives the names of its folders. The
 * folder's location has to stay good meanwhile.
 */
export const removeExpired = async (location: string, olderThanMs: number): Promise<string[]> => {
  const folders: string[] = [];
  for await (const entry of await opendir(location)) {
    if (entry.isDirectory()) folders.push(entry.name);
    else if (entry.name.startsWith(PART_PREFIX)) await removeIfExpired(`${location}/${entry.name}`, olderThanMs);
  }
  return folders;
};

const removeIfExpired = async (location: string, olderThanMs: number): Promise<void> => {
  const stats = await lstat(location).catch(() => undefined);
  // By the wall clock, as file times are: a clock that jumps ahead costs no more than a fresh start.
  if (stats === undefined || Date.now() - stats.mtimeMs < olderThanMs) return;
  await unlink(location).catch(() => undefined);
};
