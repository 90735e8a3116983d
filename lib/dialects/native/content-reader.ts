import { ProtocolError, type SluiceError, VerificationError } from '../../errors/errors.ts';
import { type Digest, type DigestName, createDigest } from '../../operators/digest.ts';
import { BLOCK_BYTES, SMALL_FILE_BYTES } from '../../protocol/block.ts';
import type { FramePiece } from '../../protocol/frame-decoder.ts';
import { ContentDigest } from './content-digest.ts';
import { type ContentProof, type Trailer, decodeTrailer, remoteError } from './messages.ts';

const MAX_TRAILER = 4 * 1024;

export interface ContentReaderOptions {
  readonly digestName: DigestName;
  /** Largest frame, in bytes. */
  readonly maxFrame: number;
  /** Where in the content its first byte stands; a whole number of blocks. */
  readonly offset: number;
  /** What digests blocks, where several contents follow each other. @default one of its own */
  readonly digest?: Digest;
  /** The whole content's length, where it was announced: more of it is refused with its first byte. */
  readonly size?: number | undefined;
  /** Whether messages carry a check, those of the data connection too. @default false */
  readonly checked?: boolean | undefined;
  /** Gives the memory for a whole block. */
  readonly allocate: (bytes: number) => Buffer;
}

/** What a piece of the wire form completed. */
export interface VerifiedBlock {
  readonly bytes: Buffer;
  readonly digest: string;
  /** What the whole content was, if this is its last block. */
  readonly proof?: ContentProof;
  /** There instead of the proof if the sender could not read on: the content is not whole. */
  readonly failed?: SluiceError;
}

/**
 * Takes one content from its wire form and proves it block by block: nothing leaves before its digest was compared.
 * Pure; holds one block and a trailer.
 */
export class ContentReader {
  readonly #options: ContentReaderOptions;
  readonly #content: ContentDigest;
  readonly #digest: Digest;
  #block: Buffer = NOTHING;
  #filled = 0;
  #bytes: number;
  #trailerPieces: Buffer[] | undefined;

  constructor(options: ContentReaderOptions) {
    this.#options = options;
    this.#content = new ContentDigest(options.digestName);
    this.#digest = options.digest ?? createDigest(options.digestName);
    this.#bytes = options.offset;
  }

  /** The largest payload that may come next, in bytes. */
  get maxPayload(): number {
    return this.#trailerPieces === undefined ? this.#options.maxFrame : MAX_TRAILER;
  }

  /**
   * Takes a piece of a frame and gives the block that it completes, if it does. Throws `SIZE_MISMATCH` or
   * `DIGEST_MISMATCH` when a trailer tells of other bytes than those that arrived.
   */
  read({ length, left, bytes }: FramePiece): VerifiedBlock | undefined {
    if (this.#trailerPieces === undefined) {
      if (length === 0) this.#trailerPieces = [];
      else this.#keep(bytes, bytes.length + left);
      return undefined;
    }
    if (length === 0)
      throw new ProtocolError('STATE_UNEXPECTED', 'a second empty frame stands where the trailer belongs');
    this.#trailerPieces.push(bytes);
    if (left > 0) return undefined;
    const trailer = decodeTrailer(Buffer.concat(this.#trailerPieces), this.#options.checked);
    this.#trailerPieces = undefined;
    return this.#endBlock(trailer);
  }

  #keep(bytes: Buffer, expected: number): void {
    if (this.#filled + expected > BLOCK_BYTES)
      throw new ProtocolError('FRAME_TOO_LARGE', `a block has more than ${BLOCK_BYTES} bytes before its trailer`);
    const { size } = this.#options;
    if (size !== undefined && this.#bytes + this.#filled + expected > size)
      throw new VerificationError('SIZE_MISMATCH', `more than the announced ${size} bytes arrived`);
    // A small frame at a block's start that came in one piece stays where it is: sockets are read into fresh memory (see
    // `fromReadable`), and what it was cut out of is no larger than one read.
    if (this.#filled === 0 && bytes.length === expected && expected <= SMALL_FILE_BYTES) {
      this.#block = bytes;
      this.#filled = expected;
      return;
    }
    if (this.#filled + expected > this.#block.length) this.#grow(this.#filled + expected);
    this.#filled += bytes.copy(this.#block, this.#filled);
  }

  /** A small content, of one frame, gets no more memory than it needs; anything else gets room for a whole block. */
  #grow(needed: number): void {
    const isSmall = this.#filled === 0 && needed <= SMALL_FILE_BYTES;
    const block = isSmall ? Buffer.allocUnsafeSlow(needed) : this.#options.allocate(BLOCK_BYTES);
    this.#block.copy(block, 0, 0, this.#filled);
    this.#block = block;
  }

  #endBlock(trailer: Trailer): VerifiedBlock {
    const bytes = this.#block.subarray(0, this.#filled);
    this.#bytes += bytes.length;
    const digest = this.#verify(bytes, trailer);
    if (trailer.more && bytes.length < BLOCK_BYTES)
      throw new ProtocolError('STATE_UNEXPECTED', `a block in the middle has ${bytes.length} bytes of ${BLOCK_BYTES}`);
    this.#content.add(digest);
    this.#block = NOTHING;
    this.#filled = 0;
    if (trailer.failed) return { bytes, digest, failed: remoteError(trailer.failed) };
    if (trailer.more) return { bytes, digest };
    return { bytes, digest, proof: { bytes: this.#bytes, digest: this.#content.finish() } };
  }

  #verify(bytes: Buffer, trailer: Trailer): string {
    if (trailer.bytes !== this.#bytes)
      throw new VerificationError(
        'SIZE_MISMATCH',
        `${this.#bytes} bytes arrived where the sender counted ${trailer.bytes}`,
      );
    this.#digest.update(bytes);
    const digest = this.#digest.finish();
    if (trailer.digest !== digest)
      throw new VerificationError(
        'DIGEST_MISMATCH',
        `the ${this.#options.digestName} digest of the ${bytes.length} bytes before ${this.#bytes} is ${digest}, the sender's is ${trailer.digest}`,
      );
    return digest;
  }
}

const NOTHING = Buffer.alloc(0);
