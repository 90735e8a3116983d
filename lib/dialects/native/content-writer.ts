import type { SluiceError } from '../../errors/errors.ts';
import { type Digest, type DigestName, createDigest } from '../../operators/digest.ts';
import { BLOCK_BYTES } from '../../protocol/block.ts';
import { HEADER_BYTES, encodeHeader, frameText } from '../../protocol/frame-header.ts';
import { ContentDigest } from './content-digest.ts';
import { type ContentProof, type Trailer, encodeMessage, failureOf } from './messages.ts';

const END_OF_BLOCK = frameText('');

export interface ContentWriterOptions {
  readonly digestName: DigestName;
  /** Largest frame, in bytes. */
  readonly maxFrame: number;
  /** Where in the content its first byte stands; a whole number of blocks. */
  readonly offset: number;
  /** What digests blocks, where several contents follow each other. @default one of its own */
  readonly digest?: Digest;
  /** Whether messages carry a check, those of the data connection too. @default false */
  readonly checked?: boolean | undefined;
}

/** Puts one content into wire form: blocks of frames, each with its trailer behind it. Pure; holds no content. */
export class ContentWriter {
  readonly #options: ContentWriterOptions;
  readonly #content: ContentDigest;
  readonly #block: Digest;
  #blockBytes = 0;
  #bytes: number;
  #wireBytes = 0;
  /** Where frames that are not acknowledged yet end, counted on the wire and in the content. */
  readonly #frameEnds: { readonly wire: number; readonly content: number }[] = [];
  #acknowledged: number;

  constructor(options: ContentWriterOptions) {
    this.#options = options;
    this.#content = new ContentDigest(options.digestName);
    this.#block = options.digest ?? createDigest(options.digestName);
    this.#bytes = this.#acknowledged = options.offset;
  }

  /** One chunk as frames, a header and a view of the chunk each, and the trailers of blocks that are full before it. */
  write(chunk: Buffer): Buffer[] {
    const parts: Buffer[] = [];
    for (let at = 0; at < chunk.length;) {
      // Only now, because the last block's trailer is another one, even if that block is full.
      if (this.#blockBytes === BLOCK_BYTES) parts.push(...this.#endBlock());
      const payload = chunk.subarray(at, at + Math.min(this.#options.maxFrame, BLOCK_BYTES - this.#blockBytes));
      at += payload.length;
      parts.push(encodeHeader(payload.length), payload);
      this.#count(payload);
    }
    return parts;
  }

  /** The end of the content on the wire, and what the content was. To be called once, after the last chunk. */
  finish(): { readonly end: Buffer; readonly proof: ContentProof } {
    const digest = this.#block.finish();
    this.#content.add(digest);
    const proof = { bytes: this.#bytes, digest: this.#content.finish() };
    return { proof, end: this.#blockEnd({ bytes: this.#bytes, digest }) };
  }

  /** The end of a content that could not be read to its end, with the reason. To be called instead of `finish`. */
  fail(error: SluiceError): Buffer {
    return this.#blockEnd({ bytes: this.#bytes, digest: this.#block.finish(), failed: failureOf(error) });
  }

  /** How much of the content lies before the end of the first `wireBytes` of what was written, in whole frames. */
  contentBytes(wireBytes: number): number {
    for (let end = this.#frameEnds[0]; end !== undefined && end.wire <= wireBytes; end = this.#frameEnds[0]) {
      this.#acknowledged = end.content;
      this.#frameEnds.shift();
    }
    return this.#acknowledged;
  }

  #endBlock(): Buffer[] {
    const digest = this.#block.finish();
    this.#content.add(digest);
    this.#blockBytes = 0;
    const end = this.#blockEnd({ bytes: this.#bytes, digest, more: true });
    this.#wireBytes += end.length;
    return [end];
  }

  #blockEnd(trailer: Trailer): Buffer {
    return Buffer.from(END_OF_BLOCK + frameText(encodeMessage(trailer, this.#options.checked)));
  }

  #count(payload: Buffer): void {
    this.#block.update(payload);
    this.#blockBytes += payload.length;
    this.#bytes += payload.length;
    this.#wireBytes += HEADER_BYTES + payload.length;
    this.#frameEnds.push({ wire: this.#wireBytes, content: this.#bytes });
  }
}
