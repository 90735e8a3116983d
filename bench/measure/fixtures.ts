import { randomFillSync } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

const BLOCK_BYTES = 1024 * 1024;
const FILES_IN_A_FOLDER = 100;
const FILES_IN_A_TURN = 1000;

/** Writes a file of so many bytes, a random block again and again. */
export const writeRandomFile = async (path: string, size: number): Promise<void> => {
  const block = randomFillSync(Buffer.alloc(BLOCK_BYTES));
  const file = await open(path, 'wx');
  try {
    for (let left = size; left > 0; left -= BLOCK_BYTES) await file.writeFile(block.subarray(0, left));
  } finally {
    await file.close();
  }
};

/** Makes a folder with so many files of `size` bytes, a hundred in each of its folders. */
export const writeTree = async (path: string, files: number, size: number): Promise<void> => {
  const content = randomFillSync(Buffer.alloc(size));
  for (let index = 0; index < files; index += 1) {
    const folder = join(path, `folder-${Math.floor(index / FILES_IN_A_FOLDER)}`);
    if (index % FILES_IN_A_FOLDER === 0) await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `file-${index}`), content);
  }
};

/** Makes a folder with so many empty files. Rejects when aborted, which it looks for now and then. */
export const writeEmptyFiles = async (path: string, files: number, signal: AbortSignal): Promise<void> => {
  await mkdir(path);
  for (let index = 0; index < files; index += 1) {
    // In place, because a million promises would take longer than the files; but Ctrl-C must get through.
    if (index % FILES_IN_A_TURN === 0) await nextTurn(undefined, { signal });
    closeSync(openSync(join(path, `file-${index}`), 'wx'));
  }
};
