import { FrameDecoder, type FramePiece } from './frame-decoder.ts';

/** Rebuilds the payloads of whole frames from bytes that arrive cut anywhere. It holds at most one frame. */
export class WholeFrameDecoder {
  readonly #pieces: FrameDecoder;
  #payload: Buffer | undefined;

  /** `maxPayload` as for `FrameDecoder`. */
  constructor(maxPayload: number | (() => number)) {
    this.#pieces = new FrameDecoder(maxPayload);
  }

  /** The payloads whose last byte is in this chunk, in order; one that is all in it is a view. Throws as `FrameDecoder` does. */
  *decode(chunk: Buffer): Generator<Buffer, void, undefined> {
    for (const piece of this.#pieces.decode(chunk)) {
      const payload = this.#add(piece);
      if (payload !== undefined) yield payload;
    }
  }

  /** To be called when no more bytes will come: throws `FRAME_TRUNCATED` if they ended inside a frame. */
  end(): void {
    this.#pieces.end();
  }

  #add({ length, left, bytes }: FramePiece): Buffer | undefined {
    if (bytes.length === length) return bytes;
    // One buffer of the announced, limited size: a list would cost an object for every byte of a dripping peer.
    this.#payload ??= Buffer.allocUnsafe(length);
    bytes.copy(this.#payload, length - left - bytes.length);
    if (left > 0) return undefined;
    const whole = this.#payload;
    this.#payload = undefined;
    return whole;
  }
}
