const CHUNK_BYTES = 512 * 1024;

/** So many bytes, the same chunk of memory again and again. */
export const memoryChunks = function* (size: number): Generator<Buffer> {
  const chunk = Buffer.alloc(CHUNK_BYTES, 'sluice');
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
};
