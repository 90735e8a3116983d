import { formatPath } from '../../protocol/path.ts';
import type { TreeFile } from '../../transfer/tree.ts';

// Enough that what a pack costs by itself no longer counts, and few enough that a broken bit costs little.
const PACK_BYTES = 256 * 1024;

// What is left of a header's 64 KiB beside the longest path.
const HEADER_BYTES = 28 * 1024;

/** What a file takes of a pack's header, at most: each unit of a name has three bytes, or two if it is escaped. */
const headerBytes = (name: string): number => 80 + 3 * name.length;

/** A small file of which all bytes are there. */
export interface WholeFile {
  readonly item: TreeFile;
  readonly bytes: Buffer;
}

/** Puts small files that follow each other in one folder together, as many as may travel as one content. */
export const inPacks = (files: readonly WholeFile[]): readonly (readonly WholeFile[])[] => {
  const packs: WholeFile[][] = [];
  let pack: WholeFile[] = [];
  let folder: string | undefined;
  let bytes = 0;
  let header = 0;
  for (const file of files) {
    const { path, size } = file.item;
    const own = formatPath(path.slice(0, -1));
    const more = headerBytes(path.at(-1) ?? '');
    if (own !== folder || bytes + size > PACK_BYTES || header + more > HEADER_BYTES) {
      pack = [];
      packs.push(pack);
      folder = own;
      bytes = header = 0;
    }
    pack.push(file);
    bytes += size;
    header += more;
  }
  return packs;
};

/** The contents of files one behind the other: where they lie so in memory, as what was read together does, without a copy. */
export const joinedContents = (files: readonly WholeFile[]): Buffer => {
  const [first] = files;
  if (first === undefined) return Buffer.alloc(0);
  const { buffer, byteOffset } = first.bytes;
  let end = byteOffset;
  for (const { bytes } of files) {
    if (bytes.buffer !== buffer || bytes.byteOffset !== end) return Buffer.concat(files.map((file) => file.bytes));
    end += bytes.length;
  }
  return Buffer.from(buffer, byteOffset, end - byteOffset);
};
