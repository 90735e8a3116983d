import { ProtocolError } from '../errors/errors.ts';
import { HEADER_BYTES, decodeHeader } from './frame-header.ts';

/**
 * A run of payload bytes of one frame. A frame comes as one piece or several, in order; the last one has `left` 0. A
 * frame without payload is one piece without bytes.
 */
export interface FramePiece {
  /** The payload length that the frame's header announced. */
  readonly length: number;
  /** Payload bytes that are still to come after this piece. */
  readonly left: number;
  /** A view of the bytes that arrived: to be kept only where these are in memory that is not used again. */
  readonly bytes: Buffer;
}

const NOTHING = Buffer.alloc(0);

/**
 * Rebuilds frames from bytes that arrive cut anywhere. It holds at most a header that is not whole yet:
 * payloads pass through as slices, and a length above the limit is refused before one of its bytes is looked at.
 */
export class FrameDecoder {
  readonly #maxPayload: number | (() => number);
  readonly #headerBytes: number;
  /** What has come of a header that is not whole. */
  #header: Buffer = NOTHING;
  #length = 0;
  #left = 0;

  /**
   * `maxPayload` that is a function is asked at each header, for a limit that changes with the state of the conversation.
   * A header has `headerBytes` digits.
   */
  constructor(maxPayload: number | (() => number), headerBytes = HEADER_BYTES) {
    this.#maxPayload = maxPayload;
    this.#headerBytes = headerBytes;
  }

  /** Payload bytes of the frame that came last, or whose header did. */
  get length(): number {
    return this.#length;
  }

  /** How many of them are still to come. */
  get left(): number {
    return this.#left;
  }

  /** Whether the bytes so far end with a whole frame. */
  get isBetweenFrames(): boolean {
    return this.#header.length === 0 && this.#left === 0;
  }

  /**
   * The pieces in one chunk of bytes, in order. Throws `FRAME_HEADER_INVALID` or `FRAME_TOO_LARGE` at a bad header,
   * after the pieces that came before it.
   */
  *decode(chunk: Buffer): Generator<FramePiece, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const end = Math.min(at + this.#headerBytes - this.#header.length, chunk.length);
        const header = this.#withBefore(chunk.subarray(at, end));
        at = end;
        if (header === undefined) return;
        this.#length = this.#left = decodeHeader(header, this.#limit());
        if (this.#length === 0) yield { length: 0, left: 0, bytes: NOTHING };
      } else {
        const bytes = chunk.subarray(at, at + this.#left);
        at += bytes.length;
        this.#left -= bytes.length;
        yield { length: this.#length, left: this.#left, bytes };
      }
    }
  }

  /** To be called when no more bytes will come: throws `FRAME_TRUNCATED` if they ended inside a frame. */
  end(): void {
    if (this.#header.length > 0)
      throw new ProtocolError(
        'FRAME_TRUNCATED',
        `the bytes ended inside a frame header (${this.#header.length} of ${this.#headerBytes} bytes)`,
      );
    if (this.#left > 0)
      throw new ProtocolError(
        'FRAME_TRUNCATED',
        `the bytes ended inside a frame (${this.#length - this.#left} of ${this.#length} bytes)`,
      );
  }

  #limit(): number {
    return typeof this.#maxPayload === 'function' ? this.#maxPayload() : this.#maxPayload;
  }

  /** The whole header that these bytes end; or undefined, and they are kept. */
  #withBefore(bytes: Buffer): Buffer | undefined {
    const header = this.#header.length === 0 ? bytes : Buffer.concat([this.#header, bytes]);
    const isWhole = header.length === this.#headerBytes;
    // A copy: the chunk may be in memory that is used again.
    this.#header = isWhole ? NOTHING : Buffer.from(header);
    return isWhole ? header : undefined;
  }
}
