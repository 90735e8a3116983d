import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ContentReader } from '../../lib/dialects/native/content-reader.ts';
import { ContentWriter, encodeTrailer } from '../../lib/dialects/native/content-writer.ts';
import type { Trailer } from '../../lib/dialects/native/messages.ts';
import { createDigest } from '../../lib/index.ts';
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { contentFrames, rawFrame, sha256 } from '../helpers/raw-peer.ts';

checkLeaks();

/** What a reader makes of bytes that come in chunks of a size. */
const readAll = (
  wire: Buffer,
  chunkSize: number,
  maxFrame = 1024,
): { content: string; trailer: Trailer | undefined } => {
  const reader = new ContentReader(createDigest('sha256'), maxFrame);
  const decoder = new FrameDecoder(() => reader.maxPayload);
  const content: Buffer[] = [];
  let trailer: Trailer | undefined;
  for (let at = 0; at < wire.length; at += chunkSize)
    for (const piece of decoder.decode(wire.subarray(at, at + chunkSize))) {
      const part = reader.read(piece);
      if (Buffer.isBuffer(part)) content.push(part);
      else trailer ??= part;
    }
  return { content: Buffer.concat(content).toString(), trailer };
};

const writeAll = (chunks: readonly string[], maxFrame: number): Buffer => {
  const writer = new ContentWriter(createDigest('sha256'), maxFrame);
  const parts = chunks.flatMap((chunk) => writer.write(Buffer.from(chunk)));
  return Buffer.concat([...parts, encodeTrailer(writer.finish())]);
};

describe('content', () => {
  it('is one frame a chunk, the empty frame and the trailer', () => {
    assert.deepEqual(writeAll(['Hello, world'], 100), contentFrames('Hello, world'));
    assert.deepEqual(writeAll([], 100), contentFrames(''));
  });

  it('is cut into frames of the size that is allowed', () => {
    const trailer = contentFrames('', { bytes: 12, digest: sha256('Hello, world') });
    const frames = ['Hello', ', wor', 'ld'].map((part) => rawFrame(part));
    assert.deepEqual(writeAll(['Hello, world'], 5), Buffer.concat([...frames, trailer]));
  });

  it('has no frame for an empty chunk, which would end it', () => {
    assert.deepEqual(writeAll(['', 'ab', ''], 5), contentFrames('ab'));
  });

  it('is the same however its bytes arrive', () => {
    const wire = writeAll(['Hello', ', ', 'world'], 4);
    for (let size = 1; size <= wire.length; size += 1)
      assert.deepEqual(readAll(wire, size), {
        content: 'Hello, world',
        trailer: { bytes: 12, digest: sha256('Hello, world') },
      });
  });

  it('counts as sent in whole frames only', () => {
    const writer = new ContentWriter(createDigest('sha256'), 4);
    writer.write(Buffer.from('abcdefgh'));
    const at = [0, 13, 14, 27, 28, 28].map((wireBytes) => writer.contentBytes(wireBytes));
    assert.deepEqual(at, [0, 0, 4, 4, 8, 8]);
  });

  const LIES = [
    { name: 'another length', wire: contentFrames('abc', { bytes: 4 }), code: 'SIZE_MISMATCH' },
    { name: 'another digest', wire: contentFrames('abc', { digest: sha256('') }), code: 'DIGEST_MISMATCH' },
    { name: 'no length', wire: contentFrames('abc', { bytes: undefined }), code: 'MESSAGE_INVALID' },
    { name: 'nothing', wire: Buffer.from('00000000000000000000'), code: 'STATE_UNEXPECTED' },
    { name: 'too much', wire: Buffer.from('00000000000000004097'), code: 'FRAME_TOO_LARGE' },
  ];
  for (const { name, wire, code } of LIES)
    it(`is refused when its trailer says ${name}`, () => {
      for (const size of [1, 7, wire.length]) assert.throws(() => readAll(wire, size), { code });
    });

  it('is refused in frames that are too long, before their first byte', () => {
    assert.throws(() => readAll(Buffer.from('0000001025'), 1), { code: 'FRAME_TOO_LARGE' });
  });
});
