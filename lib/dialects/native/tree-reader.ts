import { LimitError, ProtocolError, type SluiceError } from '../../errors/errors.ts';
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
  | Exclude<TreeHeader, { type: 'end' }>
  | { readonly type: 'refused'; readonly path: RemotePath; readonly error: SluiceError }
  | { readonly type: 'block'; readonly block: ArrivedBlock }
  | { readonly type: 'end'; readonly proof: ContentProof };

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
  readonly #contentOptions: ContentReaderOptions;
  #file: ContentReader | undefined;
  #isRefused = false;
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
    const allocate = (bytes: number) => Buffer.allocUnsafeSlow(bytes);
    this.#contentOptions = { ...options, digest: createDigest(options.digestName), offset: 0, allocate };
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
    const error = this.#refusal(header.type, checkPath(header.path));
    if (header.type === 'file') {
      this.#file = new ContentReader({ ...this.#contentOptions, size: header.size });
      this.#left = header.size;
      this.#isSmall = header.size <= BLOCK_BYTES;
      this.#isRefused = error !== undefined;
    }
    return error === undefined ? header : { type: 'refused', path: header.path, error };
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
    if (block.proof !== undefined) {
      this.#tree.add(block.proof.digest);
      this.#files += 1;
      this.#bytes += block.proof.bytes;
    }
    if (isLast) this.#file = undefined;
    return this.#isRefused || broken !== undefined ? undefined : { type: 'block', block };
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

  /** Why a path is refused, if it is. Throws at one that is the tree's own, or that another thing had before. */
  #refusal(type: Exclude<TreeHeader, { type: 'end' }>['type'], path: RemotePath): SluiceError | undefined {
    this.#items += 1;
    if (this.#items > MAX_ITEMS)
      throw new LimitError('UNSUPPORTED', `a tree of more than ${MAX_ITEMS} files and folders is not taken`);
    if (path.length === 0) throw new ProtocolError('PATH_INVALID', 'a tree cannot hold its own folder');
    // Makes nothing, and comes behind its folder where that could not be listed.
    if (type === 'failed') return undefined;
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
