/**
 * Jobs, or what came of them, on their way to another thread: one text and one piece of memory, which is handed over and
 * not copied. Handing over the objects themselves takes several times as long for many small ones.
 */
export interface Parcel {
  readonly text: string;
  readonly memory: ArrayBuffer;
}

interface WithBytes {
  readonly bytes?: Uint8Array;
}

/** Packs plain objects, each of which may have `bytes`; `undefined` may stand for one. */
export const pack = (items: readonly unknown[]): Parcel => {
  const contents: Uint8Array[] = [];
  let length = 0;
  const plain = items.map((item) => {
    const bytes = (item as WithBytes | undefined)?.bytes;
    if (bytes === undefined) return item;
    contents.push(bytes);
    const start = length;
    length += bytes.length;
    return { ...(item as WithBytes), bytes: [start, length] };
  });
  const memory = new Uint8Array(length);
  let at = 0;
  for (const bytes of contents) {
    memory.set(bytes, at);
    at += bytes.length;
  }
  return { text: JSON.stringify(plain), memory: memory.buffer };
};

/** What was packed; `bytes` are views of the parcel's memory. */
export const unpack = ({ text, memory }: Parcel): unknown[] =>
  (JSON.parse(text) as ({ readonly bytes?: readonly [number, number] } | null)[]).map((item) => {
    if (item === null) return undefined;
    return item.bytes === undefined ? item : { ...item, bytes: Buffer.from(memory).subarray(...item.bytes) };
  });
