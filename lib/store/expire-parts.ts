import { lstat, opendir, unlink } from 'node:fs/promises';
import { PART_PREFIX } from '../protocol/path.ts';
import { removeDead } from './hidden-file.ts';

// So many names are read in a moment; what stands behind them in a larger folder stays.
const MAX_NAMES = 10_000;

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

/**
 * The same for a folder that others write to as well, and that is not this process's own: looks at no more names than can
 * be read in a moment, and leaves alone what a process that lives may still write to, or that does not say whose it is.
 */
export const removeDeadParts = async (location: string, olderThanMs: number): Promise<void> => {
  let names = 0;
  for await (const { name } of await opendir(location, { bufferSize: 256 })) {
    if ((names += 1) > MAX_NAMES) return;
    if (name.startsWith(PART_PREFIX)) await removeDead(location, name, olderThanMs).catch(() => undefined);
  }
};

const removeIfExpired = async (location: string, olderThanMs: number): Promise<void> => {
  const stats = await lstat(location).catch(() => undefined);
  // By the wall clock, as file times are: a clock that jumps ahead may cost a fresh start, but no transfer that runs.
  if (stats === undefined || Date.now() - stats.mtimeMs < olderThanMs) return;
  await unlink(location).catch(() => undefined);
};
