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

/** What a piece of the wire form completed: a block whose digest was compared. */
export interface ArrivedBlock {
  readonly bytes: Buffer;
  /** Of those bytes. */
  readonly digest: string;
  /** There if these are not the bytes that were sent. */
  readonly broken?: SluiceError;
  readonly isLast: boolean;
  /** What the whole content was, with the last block, if none is broken. */
  readonly proof?: ContentProof;
  /** With the last block, if the sender could not read on: the content is not whole. */
  readonly failed?: SluiceError;
}

/**
 * Takes one content from its wire form, and tells of each block whether it is as it was sent. Pure; holds one block and a
 * trailer.
 */
export class ContentReader {
  readonly #options: ContentReaderOptions;
  readonly #content: ContentDigest;
  readonly #digest: Digest;
  #block: Buffer = NOTHING;
  #filled = 0;
  #bytes: number;
  #trailerPieces: Buffer[] | undefined;
  #isBroken = false;

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
   * Takes a piece of a frame and gives the block that it completes, if it does. Throws `SIZE_MISMATCH` when a trailer
   * tells of another place than the one that was reached, and `DIGEST_MISMATCH` when its own check is wrong.
   */
  read({ length, left, bytes }: FramePiece): ArrivedBlock | undefined {
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

  /**
   * Where the rest of a frame, `left` bytes, belongs if it is content, so that it can be read straight to there; undefined if
   * it is something else, or would be refused.
   */
  placeFor(left: number): Buffer | undefined {
    if (this.#trailerPieces !== undefined || left === 0 || this.#refusal(left) !== undefined) return undefined;
    this.#makeRoom(left);
    return this.#block.subarray(this.#filled, this.#filled + left);
  }

  #keep(bytes: Buffer, expected: number): void {
    const refusal = this.#refusal(expected);
    if (refusal !== undefined) throw refusal;
    // A small frame at a block's start that came in one piece stays where it is: that memory is not used again, and is no
    // larger than one read.
    if (this.#filled === 0 && bytes.length === expected && expected <= SMALL_FILE_BYTES) {
      this.#block = bytes;
      this.#filled = expected;
      return;
    }
    this.#makeRoom(expected);
    this.#filled += this.#isInPlace(bytes) ? bytes.length : bytes.copy(this.#block, this.#filled);
  }

  #refusal(expected: number): SluiceError | undefined {
    if (this.#filled + expected > BLOCK_BYTES)
      return new ProtocolError('FRAME_TOO_LARGE', `a block has more than ${BLOCK_BYTES} bytes before its trailer`);
    const { size } = this.#options;
    if (size !== undefined && this.#bytes + this.#filled + expected > size)
      return new VerificationError('SIZE_MISMATCH', `more than the announced ${size} bytes arrived`);
    return undefined;
  }

  #isInPlace({ buffer, byteOffset }: Buffer): boolean {
    return buffer === this.#block.buffer && byteOffset === this.#block.byteOffset + this.#filled;
  }

  #makeRoom(bytes: number): void {
    if (this.#filled + bytes > this.#block.length) this.#grow(this.#filled + bytes);
  }

  /** A small content, of one frame, gets no more memory than it needs; anything else gets room for a whole block. */
  #grow(needed: number): void {
    const isSmall = this.#filled === 0 && needed <= SMALL_FILE_BYTES;
    const block = isSmall ? Buffer.allocUnsafeSlow(needed) : this.#options.allocate(BLOCK_BYTES);
    this.#block.copy(block, 0, 0, this.#filled);
    this.#block = block;
  }

  #endBlock(trailer: Trailer): ArrivedBlock {
    const bytes = this.#block.subarray(0, this.#filled);
    this.#bytes += bytes.length;
    this.#block = NOTHING;
    this.#filled = 0;
    this.#assertPlace(bytes, trailer);
    this.#digest.update(bytes);
    const digest = this.#digest.finish();
    this.#content.add(digest);
    const broken = digest === trailer.digest ? undefined : this.#brokenBlock(bytes, digest, trailer);
    this.#isBroken ||= broken !== undefined;
    return { bytes, digest, ...(broken && { broken }), isLast: !trailer.more, ...this.#end(trailer) };
  }

  #assertPlace(bytes: Buffer, trailer: Trailer): void {
    if (trailer.bytes !== this.#bytes)
      throw new VerificationError(
        'SIZE_MISMATCH',
        `${this.#bytes} bytes arrived where the sender counted ${trailer.bytes}`,
      );
    if (trailer.more && bytes.length < BLOCK_BYTES)
      throw new ProtocolError('STATE_UNEXPECTED', `a block in the middle has ${bytes.length} bytes of ${BLOCK_BYTES}`);
  }

  #brokenBlock(bytes: Buffer, digest: string, trailer: Trailer): SluiceError {
    const range = `${this.#bytes - bytes.length} to ${this.#bytes}`;
    return new VerificationError(
      'DIGEST_MISMATCH',
      `bytes ${range} were changed on their way: ${this.#options.digestName} ${digest} in place of ${trailer.digest}`,
    );
  }

  /** What the content was, behind its last block. */
  #end({ more, failed }: Trailer): Pick<ArrivedBlock, 'proof' | 'failed'> {
    if (failed) return { failed: remoteError(failed) };
    if (more || this.#isBroken) return {};
    return { proof: { bytes: this.#bytes, digest: this.#content.finish() } };
  }
}

const NOTHING = Buffer.alloc(0);
