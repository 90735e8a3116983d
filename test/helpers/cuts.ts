import fc from 'fast-check';

/** Bytes cut at the given places; two equal places make an empty chunk. */
export const cutAt = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const ends = [...places].sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
};

/** The bytes in two chunks, for each place to cut them, the ends included. */
export const everyCut = (bytes: Buffer): Buffer[][] =>
  Array.from({ length: bytes.length + 1 }, (_, place) => cutAt(bytes, [place]));

/** The bytes in chunks of one size, for each size. */
export const everySize = (bytes: Buffer): Buffer[][] =>
  Array.from({ length: bytes.length }, (_, index) => inPiecesOf(index + 1, bytes));

/** The bytes in chunks of one size. */
export const inPiecesOf = (size: number, bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

/** The bytes cut at random places. */
export const anyCuts = (bytes: Buffer): fc.Arbitrary<Buffer[]> =>
  fc.array(fc.nat(bytes.length), { maxLength: 40 }).map((places) => cutAt(bytes, places));

/** Bytes as a test would generate them. */
export const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
