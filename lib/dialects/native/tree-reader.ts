import { LimitError, ProtocolError, type SluiceError, VerificationError } from '../../errors/errors.ts';
import { type DigestName, createDigest } from '../../operators/digest.ts';
import { BLOCK_BYTES } from '../../protocol/block.ts';
import type { FramePiece } from '../../protocol/frame-decoder.ts';
import { type RemotePath, checkPath, foldName, formatPath, lookalike } from '../../protocol/path.ts';
import { ContentDigest } from './content-digest.ts';
import { type ArrivedBlock, ContentReader, type ContentReaderOptions } from './content-reader.ts';
import { type ContentProof, type TreeHeader, decodeTreeHeader } from './messages.ts';

const MAX_HEADER = 64 * 1024;
// Names are remembered until the end, to see one that comes twice.
const MAX_ITEMS = 5_000_000;

export interface TreeReaderOptions {
  readonly digestName: DigestName;
  /** Largest frame of content, in bytes. */
  readonly maxFrame: number;
  /** Whether messages carry a check, those of the data connection too. @default false */
  readonly checked?: boolean | undefined;
}

/** What a piece of a tree's wire form completed. */
export type TreePart =
  | Exclude<TreeHeader, { type: 'pack' | 'end' }>
  | RefusedItem
  | { readonly type: 'block'; readonly block: ArrivedBlock }
  | { readonly type: 'pack'; readonly files: readonly (PackedFile | RefusedItem)[] }
  | { readonly type: 'end'; readonly proof: ContentProof };

/** Something that cannot be beside what came before it. */
export interface RefusedItem {
  readonly type: 'refused';
  readonly path: RemotePath;
  readonly error: SluiceError;
}

/** A small file that came in a pack. */
export interface PackedFile extends Omit<FileHeader, 'path'> {
  readonly path: RemotePath;
  readonly bytes: Buffer;
}

type FileHeader = Extract<TreeHeader, { type: 'file' }>;
type PackHeader = Extract<TreeHeader, { type: 'pack' }>;

/**
 * Takes a tree from its wire form: headers, and behind those of files their content, proven block by block. A small file
 * that is broken on the way is left out, and the tree fails with it at its end. Throws at paths that are not valid or come
 * twice. What differs from another path only by case, or is in such a folder, is refused alone, its content dropped: on some
 * systems they are one file. Pure; holds one block, one header, and each path.
 */
export class TreeReader {
  readonly #options: TreeReaderOptions;
  /** Each path as it came, by what it has in common with those that some systems take for the same. */
  readonly #seen = new Map<string, string>();
  #items = 0;
  readonly #tree: ContentDigest;
  readonly #contentOptions: Omit<ContentReaderOptions, 'allocate'>;
  #file: ContentReader | undefined;
  #isRefused = false;
  /** What comes one behind the other in the content, where that is a pack's. */
  #pack: PackHeader | undefined;
  /** Why the tree is not whole: the first of its small files that was broken on the way. */
  #broken: SluiceError | undefined;
  /** Bytes of the file that are still to come. */
  #left = 0;
  /** Whether it comes in one block. */
  #isSmall = false;
  #headerPieces: Buffer[] = [];
  #files = 0;
  #bytes = 0;

  constructor(options: TreeReaderOptions) {
    this.#options = options;
    this.#tree = new ContentDigest(options.digestName);
    this.#contentOptions = { ...options, digest: createDigest(options.digestName), offset: 0 };
  }

  /** The largest payload that may come next, in bytes. */
  get maxPayload(): number {
    return this.#file?.maxPayload ?? MAX_HEADER;
  }

  /** Where the rest of a frame belongs if it is content, as `ContentReader` says. */
  placeFor(left: number): Buffer | undefined {
    return this.#file?.placeFor(left);
  }

  /** Takes a piece of a frame and gives what it completes, if anything. */
  read(piece: FramePiece): TreePart | undefined {
    return this.#file === undefined ? this.#readHeader(piece) : this.#readContent(this.#file, piece);
  }

  #readHeader({ bytes, left }: FramePiece): TreePart | undefined {
    this.#headerPieces.push(bytes);
    if (left > 0) return undefined;
    const header = decodeTreeHeader(Buffer.concat(this.#headerPieces), this.#options.checked);
    this.#headerPieces = [];
    if (header.type === 'end') return this.#end(header);
    const path = checkPath(header.path);
    if (header.type === 'pack') {
      this.#pack = header;
      this.#expect(header.files.reduce((sum, { size }) => sum + size, 0));
      return undefined;
    }
    // What failed makes nothing, and comes behind its folder where that could not be listed.
    const error = this.#refusal(path, header.type !== 'failed');
    if (header.type === 'file') {
      this.#expect(header.size);
      this.#isRefused = error !== undefined;
    }
    return error === undefined ? header : { type: 'refused', path, error };
  }

  /** Content of so many bytes comes next. */
  #expect(size: number): void {
    if (this.#pack !== undefined && size > BLOCK_BYTES)
      throw new ProtocolError('STATE_UNEXPECTED', `a pack of ${size} bytes is larger than a block`);
    const allocate = (bytes: number) => Buffer.allocUnsafeSlow(Math.min(bytes, size));
    this.#file = new ContentReader({ ...this.#contentOptions, size, allocate });
    this.#left = size;
    this.#isSmall = size <= BLOCK_BYTES;
    this.#isRefused = false;
  }

  #readContent(file: ContentReader, piece: FramePiece): TreePart | undefined {
    const block = file.read(piece);
    if (block === undefined) return undefined;
    this.#left -= block.bytes.length;
    const { broken } = block;
    // Others than small files go on where they are broken, which takes a connection of their own.
    if (broken !== undefined && !this.#isSmall) throw broken;
    this.#broken ??= broken;
    const { isLast } = block;
    // Whether a file comes in one piece or in several is known by its size, and counted so by who takes it.
    if (!isLast && this.#left === 0)
      throw new ProtocolError('STATE_UNEXPECTED', 'a block that has the last byte of its file says that more follows');
    const pack = this.#pack;
    if (block.proof !== undefined) {
      this.#tree.add(block.proof.digest);
      this.#files += pack?.files.length ?? 1;
      this.#bytes += block.proof.bytes;
    }
    if (isLast) this.#file = this.#pack = undefined;
    if (broken !== undefined || this.#isRefused) return undefined;
    return pack === undefined ? { type: 'block', block } : { type: 'pack', files: this.#unpack(pack, block) };
  }

  #unpack({ path: folder, files }: PackHeader, { bytes, failed }: ArrivedBlock): (PackedFile | RefusedItem)[] {
    if (failed !== undefined) throw new ProtocolError('STATE_UNEXPECTED', 'what is in a pack cannot fail to be read');
    let at = 0;
    const parts = files.map(({ name, size, modified, mode }) => {
      const path = checkPath([...folder, name]);
      const error = this.#refusal(path, true);
      const own = bytes.subarray(at, (at += size));
      return error
        ? { type: 'refused' as const, path, error }
        : { type: 'file' as const, path, size, modified, mode, bytes: own };
    });
    if (at !== bytes.length)
      throw new VerificationError('SIZE_MISMATCH', `${bytes.length} bytes arrived of a pack of ${at}`);
    return parts;
  }

  #end({ files, bytes }: Extract<TreeHeader, { type: 'end' }>): TreePart {
    if (this.#broken !== undefined) throw this.#broken;
    if (files !== this.#files || bytes !== this.#bytes)
      throw new ProtocolError(
        'STATE_UNEXPECTED',
        `${this.#files} files of ${this.#bytes} bytes arrived where the sender counted ${files} of ${bytes}`,
      );
    return { type: 'end', proof: { bytes, digest: this.#tree.finish(), files } };
  }

  /** Why a path is refused, if it is, where something `isMade` there. Throws at one that is the tree's own, or came before. */
  #refusal(path: RemotePath, isMade: boolean): SluiceError | undefined {
    this.#items += 1;
    if (this.#items > MAX_ITEMS)
      throw new LimitError('UNSUPPORTED', `a tree of more than ${MAX_ITEMS} files and folders is not taken`);
    if (path.length === 0) throw new ProtocolError('PATH_INVALID', 'a tree cannot hold its own folder');
    if (!isMade) return undefined;
    const text = formatPath(path);
    const key = foldName(text);
    if (this.#seen.get(key) === text) throw new ProtocolError('PATH_INVALID', `${text}: came twice`);
    if (this.#seen.has(key) || this.#isInLookalike(path)) return lookalike(path);
    this.#seen.set(key, text);
    return undefined;
  }

  /** Whether a folder around a path is called otherwise than it was when it came. */
  #isInLookalike(path: RemotePath): boolean {
    for (let length = path.length - 1; length > 0; length -= 1) {
      const folder = formatPath(path.slice(0, length));
      const known = this.#seen.get(foldName(folder));
      // What is around a folder that came was compared when it did.
      if (known !== undefined) return known !== folder;
    }
    return false;
  }
}
