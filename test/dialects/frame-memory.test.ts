import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ContentReader } from '../../lib/dialects/native/content-reader.ts';
import { ContentWriter } from '../../lib/dialects/native/content-writer.ts';
import { FrameMemory } from '../../lib/dialects/native/frame-memory.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts';
import { pattern } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const KIB = 1024;

const wireOf = (content: Buffer, frame: number): Buffer => {
  const writer = new ContentWriter({ digestName: 'blake3', maxFrame: frame, offset: 0 });
  return Buffer.concat([...writer.write(content), writer.finish().end]);
};

/** Reads a content as from a socket that has so many bytes each time. */
const readAs = (wire: Buffer, size: number, ready: () => number) => {
  const blocks = new Set<ArrayBufferLike>();
  const allocate = (bytes: number): Buffer => {
    const block = Buffer.alloc(bytes);
    blocks.add(block.buffer);
    return block;
  };
  const reader = new ContentReader({ digestName: 'blake3', maxFrame: BLOCK_BYTES, offset: 0, size, allocate });
  const decoder = new FrameDecoder(() => reader.maxPayload);
  const memory = new FrameMemory(decoder, reader);
  const arrived: Buffer[] = [];
  const counts = { reads: 0, inPlace: 0 };
  for (let at = 0; at < wire.length;) {
    const place = memory.next();
    const bytes = wire.copy(place, 0, at, at + Math.min(place.length, ready()));
    memory.filled(bytes);
    at += bytes;
    counts.reads += 1;
    if (blocks.has(place.buffer)) counts.inPlace += bytes;
    for (const piece of decoder.decode(place.subarray(0, bytes))) {
      const block = reader.read(piece);
      assert.equal(block?.broken, undefined);
      if (block !== undefined) arrived.push(block.bytes);
    }
  }
  return { content: Buffer.concat(arrived), ...counts };
};

describe('the memory that a data connection is read to', () => {
  it('is the place of the content itself for all but a little of large frames', () => {
    const bytes = pattern(8 * BLOCK_BYTES);
    const { content, inPlace, reads } = readAs(wireOf(bytes, 512 * KIB), bytes.length, () => Infinity);
    assert.ok(content.equals(bytes));
    // The first frame is read as any other, and each later one with at most 1 KiB behind its header.
    assert.ok(inPlace >= bytes.length - 64 * KIB - 16 * KIB, `${inPlace}`);
    assert.ok(reads <= 2 * 16 + 2, `${reads}`);
  });

  it('takes small frames many at a time', () => {
    const bytes = pattern(BLOCK_BYTES);
    const { content, reads } = readAs(wireOf(bytes, 4 * KIB), bytes.length, () => Infinity);
    assert.ok(content.equals(bytes));
    assert.ok(reads <= BLOCK_BYTES / (16 * KIB), `${reads}`);
  });

  it('holds the same content however large its frames are and however its bytes arrive', () => {
    const sizes = fc.integer({ min: 1, max: 3 * BLOCK_BYTES });
    const frames = fc.integer({ min: 10 * KIB, max: BLOCK_BYTES });
    const ready = fc.array(fc.integer({ min: 1, max: 200 * KIB }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, frames, ready, (size, frame, amounts) => {
        const bytes = pattern(size);
        let reads = 0;
        const { content } = readAs(wireOf(bytes, frame), size, () => amounts[reads++ % amounts.length] ?? 1);
        return content.equals(bytes);
      }),
      { numRuns: 60 },
    );
  });

  it('is no place of a content for more than was announced, or than a block has', () => {
    const tooMuch = Buffer.concat([Buffer.from('0000100000'), Buffer.alloc(100_000)]);
    assert.throws(() => readAs(tooMuch, 99_999, () => 10), { code: 'SIZE_MISMATCH' });
    const frame = Buffer.concat([Buffer.from('0000600000'), Buffer.alloc(600_000)]);
    const twice = Buffer.concat([frame, frame]);
    assert.throws(() => readAs(twice, 2_000_000, () => Infinity), { code: 'FRAME_TOO_LARGE' });
  });
});
