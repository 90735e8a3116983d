import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';

const BLOCK_BYTES = 1024 * 1024;

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
