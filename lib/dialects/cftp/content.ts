import { createHash } from 'node:crypto';
import { VerificationError } from '../../errors/errors.ts';
import { type ContentDecoder, type ContentEncoder, type Segment, contentLost } from '../classic/content.ts';
import { saidError } from '../classic/remote-text.ts';

const END = Buffer.from('END');

const NOTHING = Buffer.alloc(0);

// The word, and an MD5 in hexadecimal digits.
const TRAILER_BYTES = END.length + 32;

// A receiver looks for the word in what one read gives it. So the true one has to come in a read of its own, and one
// inside the content in two of them; on a busy machine a reader is late by 60 ms now and then.
const READ_MS = 150;

export interface CftpEncoderOptions {
  /** Whether the digest is kept apart from the word, for a receiver that wants another read for it. */
  readonly apart: boolean;
}

/** The content as it is, `END`, and its MD5. Holds nothing. */
export const cftpEncoder = ({ apart }: CftpEncoderOptions): ContentEncoder => {
  const md5 = createHash('md5');
  let tail = '';
  return {
    *write(chunk) {
      md5.update(chunk);
      let from = 0;
      // A word may have begun in the chunk before: then the pause is due at once.
      const overlap = tail.length;
      const seen = Buffer.concat([Buffer.from(tail, 'latin1'), chunk]);
      for (let at = seen.indexOf(END); at >= 0; at = seen.indexOf(END, at + END.length)) {
        const cut = Math.max(at + 1 - overlap, 0);
        yield { bytes: chunk.subarray(from, cut), pauseMs: READ_MS };
        from = cut;
      }
      yield { bytes: chunk.subarray(from) };
      tail = seen.toString('latin1', Math.max(0, seen.length - (END.length - 1)));
    },
    *end(): Iterable<Segment> {
      yield { bytes: NOTHING, pauseMs: READ_MS };
      const digest = Buffer.from(md5.digest('hex'));
      if (apart) {
        yield { bytes: END, pauseMs: READ_MS };
        yield { bytes: digest };
      } else yield { bytes: Buffer.concat([END, digest]) };
    },
  };
};

/**
 * Content up to the end of the connection, without the trailer, which is told from the content by its place alone. A
 * connection that ends with none has `Error: ...` in place of a content, or was cut.
 */
export const cftpDecoder = (): ContentDecoder => {
  const md5 = createHash('md5');
  let held = NOTHING;
  return {
    read: (chunk) => {
      const all = Buffer.concat([held, chunk]);
      const content = all.subarray(0, Math.max(0, all.length - TRAILER_BYTES));
      held = all.subarray(content.length);
      md5.update(content);
      return { content: [content] };
    },
    finish: () => {
      const trailer = held.toString('latin1');
      if (/^Error: /.test(trailer)) throw saidError(held.toString('utf8'));
      const [, digest] = /^END([0-9a-f]{32})$/i.exec(trailer) ?? [];
      if (digest === undefined) throw contentLost();
      const own = md5.digest('hex');
      if (own !== digest.toLowerCase())
        throw new VerificationError('DIGEST_MISMATCH', `the MD5 of the content is ${own}, the sender's is ${digest}`);
    },
  };
};
