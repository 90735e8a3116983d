import { FrameDecoder } from '../../protocol/frame-decoder.ts';
import { MAX_PAYLOAD, encodeHeader } from '../../protocol/frame-header.ts';
import { type ContentDecoder, type ContentEncoder, contentLost } from '../classic/content.ts';

/**
 * The content in one frame, where its size is known and ten digits can tell it: many receivers lose count between two.
 * An empty content is an empty frame. Holds nothing.
 */
export const framedEncoder = (size: number | undefined): ContentEncoder => {
  const isOneFrame = size !== undefined && size <= MAX_PAYLOAD;
  let hasBegun = false;
  return {
    *write(chunk) {
      if (!hasBegun || !isOneFrame) yield { bytes: encodeHeader(isOneFrame ? size : chunk.length) };
      hasBegun = true;
      yield { bytes: chunk };
    },
    end: () => (hasBegun ? [] : [{ bytes: encodeHeader(0) }]),
  };
};

export interface FramedDecoder extends ContentDecoder {
  /** Whether there was a frame, if only an empty one. */
  readonly hasBegun: boolean;
}

/**
 * Content in any number of frames of any size, up to an empty frame or the end of the connection behind a whole one. A
 * connection that ends without any frame brought nothing; `ofNothing` says what that means, and returns where it is an
 * empty content.
 */
export const framedDecoder = (ofNothing: () => void): FramedDecoder => {
  const frames = new FrameDecoder(() => MAX_PAYLOAD);
  let hasBegun = false;
  return {
    read: (chunk) => {
      const content: Buffer[] = [];
      for (const { length, bytes } of frames.decode(chunk)) {
        hasBegun = true;
        if (length === 0) return { content, endsAt: chunk.length };
        content.push(bytes);
      }
      return { content };
    },
    finish: () => {
      if (!frames.isBetweenFrames) throw contentLost();
      if (!hasBegun) ofNothing();
    },
    get hasBegun() {
      return hasBegun;
    },
  };
};
