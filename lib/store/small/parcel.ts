/**
 * Jobs, or what came of them, on their way to another thread: one text and the memory of their bytes, which is handed over and
 * not copied. Handing over the objects themselves takes several times as long for many small ones.
 */
export interface Parcel {
  readonly text: string;
  readonly memory: readonly ArrayBuffer[];
}

interface WithBytes {
  readonly bytes?: Buffer<ArrayBuffer>;
}

/**
 * Packs plain objects, each of which may have `bytes`, all of a memory of their own; `undefined` may stand for one. Whoever
 * sends `memory` away has the bytes no longer.
 */
export const pack = (items: readonly unknown[]): Parcel => {
  const memory: ArrayBuffer[] = [];
  const plain = items.map((item) => {
    const bytes = (item as WithBytes | undefined)?.bytes;
    if (bytes === undefined) return item;
    memory.push(bytes.buffer);
    return { ...(item as WithBytes), bytes: true };
  });
  return { text: JSON.stringify(plain), memory };
};

/** What was packed. */
export const unpack = ({ text, memory }: Parcel): unknown[] => {
  const rest = memory.values();
  return (JSON.parse(text) as ({ readonly bytes?: true } | null)[]).map((item) => {
    if (item === null) return undefined;
    return item.bytes ? { ...item, bytes: Buffer.from(rest.next().value ?? new ArrayBuffer(0)) } : item;
  });
};
