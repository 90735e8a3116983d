import type { Digest } from '../../operators/digest.ts';
import { HEADER_BYTES, encodeFrame, encodeHeader } from '../../protocol/frame-header.ts';
import type { Trailer } from './messages.ts';

/** Puts one content into wire form: frames, the empty frame, the trailer. Pure; holds no content. */
export class ContentWriter {
  readonly #digest: Digest;
  readonly #maxFrame: number;
  #bytes = 0;
  #wireBytes = 0;
  /** Where frames that are not acknowledged yet end, counted on the wire and in the content. */
  readonly #frameEnds: { readonly wire: number; readonly content: number }[] = [];
  #acknowledged = 0;

  constructor(digest: Digest, maxFrame: number) {
    this.#digest = digest;
    this.#maxFrame = maxFrame;
  }

  /** One chunk as frames: a header and a view of the chunk each. */
  write(chunk: Buffer): Buffer[] {
    this.#digest.update(chunk);
    const parts: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += this.#maxFrame) {
      const payload = chunk.subarray(at, at + this.#maxFrame);
      parts.push(encodeHeader(payload.length), payload);
      this.#bytes += payload.length;
      this.#wireBytes += HEADER_BYTES + payload.length;
      this.#frameEnds.push({ wire: this.#wireBytes, content: this.#bytes });
    }
    return parts;
  }

  /** What the whole content was. To be called once, after the last chunk. */
  finish(): Trailer {
    return { bytes: this.#bytes, digest: this.#digest.finish() };
  }

  /** How much content lies in the first `wireBytes` of what was written, in whole frames. */
  contentBytes(wireBytes: number): number {
    for (let end = this.#frameEnds[0]; end !== undefined && end.wire <= wireBytes; end = this.#frameEnds[0]) {
      this.#acknowledged = end.content;
      this.#frameEnds.shift();
    }
    return this.#acknowledged;
  }
}

/** The end of a content on the wire. */
export const encodeTrailer = (trailer: Trailer): Buffer =>
  Buffer.concat([encodeHeader(0), encodeFrame(Buffer.from(JSON.stringify(trailer)))]);
