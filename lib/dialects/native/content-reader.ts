import { ProtocolError, VerificationError } from '../../errors/errors.ts';
import type { Digest } from '../../operators/digest.ts';
import type { FramePiece } from '../../protocol/frame-decoder.ts';
import { type Trailer, decodeTrailer } from './messages.ts';

const MAX_TRAILER = 4 * 1024;

/** Takes one content from its wire form and proves it against the trailer. Pure; holds at most the trailer. */
export class ContentReader {
  readonly #digest: Digest;
  readonly #maxFrame: number;
  #bytes = 0;
  #trailerPieces: Buffer[] | undefined;

  constructor(digest: Digest, maxFrame: number) {
    this.#digest = digest;
    this.#maxFrame = maxFrame;
  }

  /** The largest payload that may come next, in bytes. */
  get maxPayload(): number {
    return this.#trailerPieces === undefined ? this.#maxFrame : MAX_TRAILER;
  }

  /**
   * Takes a piece of a frame and tells what it was: bytes of the content, the verified end, or neither. Throws
   * `SIZE_MISMATCH` or `DIGEST_MISMATCH` when the trailer tells of another content than the one that arrived.
   */
  read({ length, left, bytes }: FramePiece): Buffer | Trailer | undefined {
    if (this.#trailerPieces === undefined) {
      if (length === 0) {
        this.#trailerPieces = [];
        return undefined;
      }
      this.#bytes += bytes.length;
      this.#digest.update(bytes);
      return bytes;
    }
    if (length === 0)
      throw new ProtocolError('STATE_UNEXPECTED', 'a second empty frame stands where the trailer belongs');
    this.#trailerPieces.push(bytes);
    return left > 0 ? undefined : this.#verify(decodeTrailer(Buffer.concat(this.#trailerPieces)));
  }

  #verify(trailer: Trailer): Trailer {
    if (trailer.bytes !== this.#bytes)
      throw new VerificationError(
        'SIZE_MISMATCH',
        `${this.#bytes} bytes arrived where the sender counted ${trailer.bytes}`,
      );
    const digest = this.#digest.finish();
    if (trailer.digest !== digest)
      throw new VerificationError(
        'DIGEST_MISMATCH',
        `the ${this.#digest.name} digest of what arrived is ${digest}, the sender's is ${trailer.digest}`,
      );
    return trailer;
  }
}
