import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ArrivedBlock, ContentReader } from '../../lib/dialects/native/content-reader.ts';
import { ContentWriter } from '../../lib/dialects/native/content-writer.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { contentFrames, messageFrame, rawFrame, sha256 } from '../helpers/raw-peer.ts';

checkLeaks();

const allocate = (bytes: number) => Buffer.alloc(bytes);

/** The blocks that a reader makes of bytes that come in chunks of a size. */
const readAll = (wire: Buffer, chunkSize: number, { maxFrame = BLOCK_BYTES, offset = 0 } = {}): ArrivedBlock[] => {
  const reader = new ContentReader({ digestName: 'sha256', maxFrame, offset, allocate });
  const decoder = new FrameDecoder(() => reader.maxPayload);
  const blocks: ArrivedBlock[] = [];
  for (let at = 0; at < wire.length; at += chunkSize)
    for (const piece of decoder.decode(wire.subarray(at, at + chunkSize))) {
      const block = reader.read(piece);
      if (block !== undefined) blocks.push({ ...block, bytes: Buffer.from(block.bytes) });
    }
  return blocks;
};

const writeAll = (chunks: readonly (string | Buffer)[], { maxFrame = BLOCK_BYTES, offset = 0 } = {}) => {
  const writer = new ContentWriter({ digestName: 'sha256', maxFrame, offset });
  const parts = chunks.flatMap((chunk) => writer.write(Buffer.from(chunk)));
  const { end, proof } = writer.finish();
  return { wire: Buffer.concat([...parts, end]), proof };
};

const digestOfDigests = (...blocks: readonly Buffer[]): string =>
  sha256(Buffer.concat(blocks.map((block) => Buffer.from(sha256(block), 'hex'))));

describe('content', () => {
  it('is one frame a chunk, the empty frame and the trailer', () => {
    assert.deepEqual(writeAll(['Hello, world']).wire, contentFrames('Hello, world'));
    assert.deepEqual(writeAll([]).wire, contentFrames(''));
  });

  it('is cut into frames of the size that is allowed', () => {
    const trailer = contentFrames('', { bytes: 12, digest: sha256('Hello, world') });
    const frames = ['Hello', ', wor', 'ld'].map((part) => rawFrame(part));
    assert.deepEqual(writeAll(['Hello, world'], { maxFrame: 5 }).wire, Buffer.concat([...frames, trailer]));
  });

  it('has no frame for an empty chunk, which would end it', () => {
    assert.deepEqual(writeAll(['', 'ab', '']).wire, contentFrames('ab'));
  });

  it('is the same however its bytes arrive', () => {
    const { wire } = writeAll(['Hello', ', ', 'world'], { maxFrame: 4 });
    const digest = sha256('Hello, world');
    for (let size = 1; size <= wire.length; size += 1)
      assert.deepEqual(readAll(wire, size), [
        { bytes: Buffer.from('Hello, world'), digest, isLast: true, proof: { bytes: 12, digest } },
      ]);
  });

  it('counts as sent in whole frames only', () => {
    const writer = new ContentWriter({ digestName: 'sha256', maxFrame: 4, offset: 0 });
    writer.write(Buffer.from('abcdefgh'));
    const at = [0, 13, 14, 27, 28, 28].map((wireBytes) => writer.contentBytes(wireBytes));
    assert.deepEqual(at, [0, 0, 4, 4, 8, 8]);
  });

  describe('in several blocks', () => {
    const one = Buffer.alloc(BLOCK_BYTES, 1);
    const two = Buffer.alloc(BLOCK_BYTES, 2);
    const rest = Buffer.from('rest');

    it('has a trailer behind each, and only the last says that no more comes', () => {
      for (const parts of [
        [one, rest],
        [one, two],
        [one, two, rest],
      ])
        assert.ok(writeAll(parts).wire.equals(contentFrames(Buffer.concat(parts))));
    });

    it('is cut into blocks wherever its chunks end', () => {
      const content = Buffer.concat([one, two, rest]);
      const chunks = [content.subarray(0, 700_000), content.subarray(700_000, 2_000_000), content.subarray(2_000_000)];
      const blocks = readAll(writeAll(chunks).wire, 65_536);
      assert.deepEqual(
        blocks.map(({ digest }) => digest),
        [one, two, rest].map((block) => sha256(block)),
      );
      assert.ok(Buffer.concat(blocks.map(({ bytes }) => bytes)).equals(content));
    });

    it('is proven as a whole by the digest of its blocks’ digests, on both sides', () => {
      const { wire, proof } = writeAll([one, two, rest]);
      assert.deepEqual(proof, { bytes: 2 * BLOCK_BYTES + 4, digest: digestOfDigests(one, two, rest) });
      assert.deepEqual(readAll(wire, 65_536).at(-1)?.proof, proof);
    });

    it('goes on behind an offset, and is proven by what comes from there', () => {
      const { wire, proof } = writeAll([two, rest], { offset: BLOCK_BYTES });
      assert.deepEqual(proof, { bytes: 2 * BLOCK_BYTES + 4, digest: digestOfDigests(two, rest) });
      assert.deepEqual(readAll(wire, 65_536, { offset: BLOCK_BYTES }).at(-1)?.proof, proof);
      assert.throws(() => readAll(wire, 65_536), { code: 'SIZE_MISMATCH' });
    });

    it('tells which of its blocks are broken, and is not proven then, though the others are good', () => {
      const { wire } = writeAll([one, two, rest]);
      wire[BLOCK_BYTES + 5000] = 9;
      const blocks = readAll(wire, 65_536);
      assert.deepEqual(
        blocks.map(({ broken }) => broken?.code),
        [undefined, 'DIGEST_MISMATCH', undefined],
      );
      assert.equal(blocks[2]?.digest, sha256(rest));
      assert.deepEqual([blocks[2].isLast, blocks[2].proof], [true, undefined]);
    });

    it('is refused with a short block in the middle, or a block that is too long', () => {
      const short = Buffer.concat([
        rawFrame('abc'),
        rawFrame(''),
        messageFrame({ bytes: 3, digest: sha256('abc'), more: true }),
      ]);
      assert.throws(() => readAll(short, 100), { code: 'STATE_UNEXPECTED' });
      assert.throws(() => readAll(Buffer.concat([rawFrame(one), rawFrame('a')]), 65_536), { code: 'FRAME_TOO_LARGE' });
    });
  });

  const LIES = [
    { name: 'another length', wire: contentFrames('abc', { bytes: 4 }), code: 'SIZE_MISMATCH' },
    { name: 'no length', wire: contentFrames('abc', { bytes: undefined }), code: 'MESSAGE_INVALID' },
    { name: 'nothing', wire: Buffer.from('00000000000000000000'), code: 'STATE_UNEXPECTED' },
    { name: 'too much', wire: Buffer.from('00000000000000004097'), code: 'FRAME_TOO_LARGE' },
  ];
  for (const { name, wire, code } of LIES)
    it(`is refused when its trailer says ${name}`, () => {
      for (const size of [1, 7, wire.length]) assert.throws(() => readAll(wire, size), { code });
    });

  it('is refused in frames that are too long, before their first byte', () => {
    assert.throws(() => readAll(Buffer.from('0000001025'), 1, { maxFrame: 1024 }), { code: 'FRAME_TOO_LARGE' });
  });
});
