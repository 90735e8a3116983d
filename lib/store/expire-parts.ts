import { lstat, opendir, unlink } from 'node:fs/promises';
import { PART_PREFIX } from '../protocol/path.ts';

/**
 * Removes the part files of a folder that nobody has written to for so long, except those in use, and gives the names of
 * its folders. The folder's location has to stay good meanwhile.
 */
export const removeExpired = async (
  location: string,
  olderThanMs: number,
  inUse: ReadonlySet<string>,
): Promise<string[]> => {
  const folders: string[] = [];
  for await (const entry of await opendir(location)) {
    if (entry.isDirectory()) folders.push(entry.name);
    else if (entry.name.startsWith(PART_PREFIX) && !inUse.has(entry.name))
      await removeIfExpired(`${location}/${entry.name}`, olderThanMs);
  }
  return folders;
};

const removeIfExpired = async (location: string, olderThanMs: number): Promise<void> => {
  const stats = await lstat(location).catch(() => undefined);
  // By the wall clock, as file times are: a clock that jumps ahead may cost a fresh start, but no transfer that runs.
  if (stats === undefined || Date.now() - stats.mtimeMs < olderThanMs) return;
  await unlink(location).catch(() => undefined);
};
