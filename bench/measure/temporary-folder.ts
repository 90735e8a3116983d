import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY_FOLDER = '/dev/shm';

/** Source, target, and what the programs themselves need. */
const FILES_AT_A_TIME = 3;

/**
 * Where files of up to `largest` bytes are best measured: in memory, where the disk does not blur the figures, if there
 * is room for them, and in the system's temporary folder otherwise.
 */
export const chooseFolder = async (largest: number): Promise<string> => {
  const needed = largest * FILES_AT_A_TIME;
  const room = await freeBytes(MEMORY_FOLDER);
  return Math.min(room, freemem()) > needed ? MEMORY_FOLDER : tmpdir();
};

/** Makes a fresh folder in `parent` for as long as `use` runs. */
export const withTemporaryFolder = async <T>(parent: string, use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(parent, 'sluice-bench-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const freeBytes = async (folder: string): Promise<number> => {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
};
