import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameDecoder } from '../../lib/protocol/frame-decoder.ts';
import { HEADER_BYTES, encodeFrame, encodeHeader } from '../../lib/protocol/frame-header.ts';
import { anyBytes, anyCuts, everyCut, everySize } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const LIMIT = 100;

/** The payloads in the chunks, each put together from its pieces; fails when the pieces do not fit together. */
const payloadsOf = (chunks: readonly Buffer[], limit = LIMIT): string[] => {
  const decoder = new FrameDecoder(() => limit);
  const payloads: string[] = [];
  let parts: Buffer[] = [];
  for (const chunk of chunks) {
    for (const { length, left, bytes } of decoder.decode(chunk)) {
      parts.push(bytes);
      const soFar = Buffer.concat(parts);
      assert.equal(soFar.length + left, length);
      assert.ok(bytes.length > 0 || length === 0, 'a piece without bytes inside a frame');
      if (left > 0) continue;
      payloads.push(soFar.toString('latin1'));
      parts = [];
    }
  }
  decoder.end();
  return payloads;
};

const stream = (payloads: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(payloads.map((payload) => encodeFrame(Buffer.from(payload))));

describe('FrameDecoder', () => {
  const payloads = ['', 'a', 'hello', '', '', '0000000003', 'x'.repeat(LIMIT), ''];
  const bytes = stream(payloads);

  it('finds the same frames wherever the bytes are cut in two', () => {
    for (const chunks of everyCut(bytes)) assert.deepEqual(payloadsOf(chunks), payloads);
  });

  it('finds the same frames in chunks of every size', () => {
    for (const chunks of everySize(bytes)) assert.deepEqual(payloadsOf(chunks), payloads);
  });

  it('finds any frames however the bytes are cut', () =>
    fc.assert(
      fc.property(
        fc
          .array(anyBytes(LIMIT), { maxLength: 12 })
          .chain((frames) => fc.tuple(fc.constant(frames), anyCuts(stream(frames)))),
        ([frames, chunks]) =>
          assert.deepEqual(
            payloadsOf(chunks),
            frames.map((frame) => frame.toString('latin1')),
          ),
      ),
      { numRuns: 300 },
    ));

  it('finds nothing in no bytes', () => assert.deepEqual(payloadsOf([Buffer.alloc(0), Buffer.alloc(0)]), []));

  it('gives an empty frame without waiting for another byte', () => {
    const pieces = [...new FrameDecoder(() => LIMIT).decode(encodeHeader(0))];
    assert.deepEqual(pieces, [{ length: 0, left: 0, bytes: Buffer.alloc(0) }]);
  });

  it('gives the last byte of a frame without waiting for another', () => {
    const decoder = new FrameDecoder(() => LIMIT);
    assert.deepEqual([...decoder.decode(encodeHeader(2))], []);
    assert.deepEqual([...decoder.decode(Buffer.from('a'))], [{ length: 2, left: 1, bytes: Buffer.from('a') }]);
    assert.deepEqual([...decoder.decode(Buffer.from('b'))], [{ length: 2, left: 0, bytes: Buffer.from('b') }]);
  });

  it('gives payloads as views of the chunk, not copies', () => {
    const chunk = encodeFrame(Buffer.from('hello'));
    const [piece] = [...new FrameDecoder(() => LIMIT).decode(chunk)];
    chunk[HEADER_BYTES] = 'j'.charCodeAt(0);
    assert.equal(piece?.bytes.toString(), 'jello');
  });

  it('accepts a frame of exactly the limit', () => {
    const payload = 'x'.repeat(LIMIT);
    assert.deepEqual(payloadsOf([stream([payload])]), [payload]);
  });

  it('refuses a frame one byte over the limit before a byte of its payload is there', () => {
    const decoder = new FrameDecoder(() => LIMIT);
    const header = encodeHeader(LIMIT + 1);
    assert.deepEqual([...decoder.decode(header.subarray(0, -1))], []);
    assert.throws(() => [...decoder.decode(header.subarray(-1))], { code: 'FRAME_TOO_LARGE' });
  });

  it('refuses a header at its tenth byte when it is not a number', () =>
    assert.throws(() => payloadsOf([Buffer.from('HELLO WORL')]), { code: 'FRAME_HEADER_INVALID' }));

  it('gives the frames before a bad header first', () => {
    const seen: string[] = [];
    assert.throws(
      () => {
        const decoder = new FrameDecoder(() => LIMIT);
        for (const { bytes } of decoder.decode(Buffer.concat([stream(['one', 'two']), Buffer.from('+000000001x')])))
          seen.push(bytes.toString());
      },
      { code: 'FRAME_HEADER_INVALID' },
    );
    assert.deepEqual(seen, ['one', 'two']);
  });

  it('asks for the limit at each header, so that it can change on the way', () => {
    let limit = 5;
    const decoder = new FrameDecoder(() => limit);
    const seen: string[] = [];
    for (const { bytes } of decoder.decode(stream(['hello', 'hello world']))) {
      seen.push(bytes.toString());
      limit = 11;
    }
    assert.deepEqual(seen, ['hello', 'hello world']);
    limit = 4;
    assert.throws(() => [...decoder.decode(stream(['hello']))], { code: 'FRAME_TOO_LARGE', message: /5.*4/ });
  });

  it('keeps the limit of the header while its payload comes in', () => {
    let limit = 5;
    const decoder = new FrameDecoder(() => limit);
    assert.equal([...decoder.decode(Buffer.from('0000000005he'))].length, 1);
    limit = 0;
    assert.deepEqual([...decoder.decode(Buffer.from('llo'))].at(-1)?.left, 0);
  });

  it('accepts an end between frames', () => {
    for (const frames of [[], ['a'], ['']]) payloadsOf([stream(frames)]);
  });

  it('finds every truncation of a frame at the end', () => {
    const frame = encodeFrame(Buffer.from('hello'));
    for (let length = 1; length < frame.length; length += 1)
      assert.throws(() => payloadsOf([frame.subarray(0, length)]), { code: 'FRAME_TRUNCATED' }, `${length} bytes`);
  });

  it('says how much of a header or a payload was there when the bytes ended', () => {
    assert.throws(() => payloadsOf([Buffer.from('0000')]), { message: /4 of 10/ });
    assert.throws(() => payloadsOf([Buffer.from('0000000005he')]), { message: /2 of 5/ });
  });
});
