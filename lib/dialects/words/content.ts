import { type RemoteError, SluiceError } from '../../errors/errors.ts';
import { FrameDecoder } from '../../protocol/frame-decoder.ts';
import { encodeHeader } from '../../protocol/frame-header.ts';
import { type ContentDecoder, type ContentEncoder, type Decoded, contentLost } from '../classic/content.ts';
import { saidError } from '../classic/remote-text.ts';

const HEADER_BYTES = 4;

/** Payload bytes of a frame that has another one behind it. */
const FRAME_BYTES = 1024;

// What four digits can tell: the listing of some servers is a single frame, however long.
const MAX_FRAME_BYTES = 9999;

/** Said in place of the content, without a frame, by whoever has no such file. */
export const NO_FILE = 'File does not exist!!!';

const NOTHING = Buffer.alloc(0);

/**
 * Content as frames of 1024 bytes and a shorter one, which may be empty. Receivers take one read for one frame, so each
 * is a write of its own with a pause behind it. Holds less than a frame.
 */
export const wordsEncoder = (pauseMs: number): ContentEncoder => {
  let rest = NOTHING;
  return {
    *write(chunk) {
      let at = 0;
      while (rest.length + chunk.length - at >= FRAME_BYTES) {
        const payload = chunk.subarray(at, at + FRAME_BYTES - rest.length);
        yield { bytes: frame(rest, payload), pauseMs };
        at += payload.length;
        rest = NOTHING;
      }
      rest = Buffer.concat([rest, chunk.subarray(at)]);
    },
    end: () => [{ bytes: frame(rest) }],
  };
};

/**
 * Content in frames of 1024 bytes, up to one of another length. Because senders of whole frames only send no shorter
 * one, it may also be over behind a full one, where the peer ends the connection or has gone on to something else. A
 * text in place of the first frame is why there is no content, and becomes a `RemoteError`.
 */
export class WordsDecoder implements ContentDecoder {
  readonly #frames = new FrameDecoder(() => MAX_FRAME_BYTES, HEADER_BYTES);
  readonly #mayBeEmpty: boolean;
  /** What came before the first frame was whole. */
  #start = NOTHING;
  #isText = false;
  #hasBegun = false;

  /** `mayBeEmpty`: whether a connection that ends without a frame brought an empty content, not none. */
  constructor({ mayBeEmpty = false } = {}) {
    this.#mayBeEmpty = mayBeEmpty;
  }

  /** Whether nothing says that more has to come. */
  get mayBeOver(): boolean {
    return this.#hasBegun && this.#frames.isBetweenFrames;
  }

  /** To be told that the peer has done with the content: without a frame it is an empty one then. */
  peerWentOn(): void {
    this.#hasBegun ||= this.#start.length === 0;
  }

  read(chunk: Buffer): Decoded {
    if (!this.#hasBegun) this.#start = Buffer.concat([this.#start, chunk.subarray(0, FRAME_BYTES)]);
    if (this.#isText) return this.#readText();
    const content: Buffer[] = [];
    try {
      for (const { length, left, bytes } of this.#frames.decode(chunk)) {
        this.#hasBegun = true;
        content.push(bytes);
        if (left === 0 && length !== FRAME_BYTES) return { content, endsAt: chunk.length };
      }
      return { content };
    } catch (error) {
      if (this.#hasBegun || !(error instanceof SluiceError)) throw error;
      this.#isText = true;
      return this.#readText();
    }
  }

  finish(): void {
    if (this.#isText) throw this.#said();
    if (this.#mayBeEmpty) this.peerWentOn();
    if (!this.mayBeOver) throw contentLost();
  }

  #readText(): Decoded {
    // Not every peer closes the connection behind it.
    if (this.#start.length >= FRAME_BYTES || /(!!!|\n)$/.test(this.#start.toString('latin1'))) throw this.#said();
    return { content: [] };
  }

  #said(): RemoteError {
    return saidError(this.#start.toString('utf8'));
  }
}

const frame = (...payloads: readonly Buffer[]): Buffer => {
  const length = payloads.reduce((sum, { length: bytes }) => sum + bytes, 0);
  return Buffer.concat([encodeHeader(length, HEADER_BYTES), ...payloads]);
};
