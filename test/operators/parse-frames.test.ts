import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { from, map, of, take } from 'rxjs';
import { parseFrames } from '../../lib/operators/parse-frames.ts';
import { HEADER_BYTES, encodeFrame } from '../../lib/protocol/frame-header.ts';
import { valuesOf } from '../helpers/collect.ts';
import { anyBytes, anyCuts, everyCut, everySize } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { byCode, marbles } from '../helpers/marbles.ts';

checkLeaks();

const frame = (payload: string): Buffer => encodeFrame(Buffer.from(payload));

const CHUNKS = {
  h: frame('hello'),
  t: Buffer.concat([frame('one'), frame('two')]),
  p: frame('hello').subarray(0, 4),
  q: frame('hello').subarray(4, 12),
  r: frame('hello').subarray(12),
  // The end of one frame, the whole of a second and the start of a third.
  w: Buffer.concat([frame('hello').subarray(12), frame('one'), frame('hello').subarray(0, 4)]),
  e: frame(''),
  x: Buffer.from('0000000006'),
};

const text = (payload: Buffer): string => payload.toString();

const PAYLOADS = { h: 'hello', o: 'one', t: 'two', e: '' };

interface Case {
  readonly source: string;
  readonly expected: string;
  readonly subscription: string;
  readonly unsubscription?: string;
  readonly error?: string;
}

describe('parseFrames', () => {
  const check = (name: string, { source, expected, subscription, unsubscription, error }: Case) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source$ = cold(source, CHUNKS);
        const out$ = source$.pipe(parseFrames({ maxPayload: 5 }), map(text), byCode());
        expectObservable(out$, unsubscription ?? null).toBe(expected, PAYLOADS, error ?? 'error');
        expectSubscriptions(source$.subscriptions).toBe(subscription);
      }),
    );

  check('waits for a source that never says anything', { source: '-', expected: '-', subscription: '^' });
  check('completes with an empty source', { source: '--|', expected: '--|', subscription: '^-!' });
  check('emits a frame in the turn of its chunk', { source: '-h-|', expected: '-h-|', subscription: '^--!' });
  check('emits every frame of a chunk in one turn', { source: '-t---|', expected: '-(ot)|', subscription: '^----!' });
  check('emits a frame when its last piece is there', { source: '-pqr|', expected: '---h|', subscription: '^---!' });
  check('emits frames whose ends share a chunk', {
    source: '-pqw--qr|',
    expected: '---(ho)h|',
    subscription: '^-------!',
  });
  check('emits an empty frame without waiting', { source: '-e-', expected: '-e-', subscription: '^' });
  check('passes the error of the source on', { source: '-hpq#', expected: '-h--#', subscription: '^---!' });
  check('errors when the source completes inside a frame', {
    source: '-hpq|',
    expected: '-h--#',
    subscription: '^---!',
    error: 'FRAME_TRUNCATED',
  });
  check('errors at a header over the limit and leaves the source', {
    source: '-hxh|',
    expected: '-h#',
    subscription: '^-!',
    error: 'FRAME_TOO_LARGE',
  });
  check('drops a partial frame when it is unsubscribed', {
    source: '-hpqr|',
    expected: '-h--',
    subscription: '^--!',
    unsubscription: '^--!',
  });

  it('collects for each subscriber anew', () =>
    marbles(({ cold, expectObservable }) => {
      const out$ = cold('-pqr|', CHUNKS).pipe(parseFrames({ maxPayload: 5 }), map(text));
      expectObservable(out$).toBe('---h|', PAYLOADS);
      expectObservable(out$, '--^').toBe('-----h|', PAYLOADS);
    }));

  it('emits the same frames wherever the bytes are cut, and in chunks of every size', async () => {
    const payloads = ['', 'a', 'hello', '', 'world'];
    const bytes = Buffer.concat(payloads.map(frame));
    for (const chunks of [...everyCut(bytes), ...everySize(bytes)])
      assert.deepEqual(await valuesOf(from(chunks).pipe(parseFrames({ maxPayload: 5 }), map(text))), payloads);
  });

  it('emits any frames however the bytes were cut', async () =>
    fc.assert(
      fc.asyncProperty(
        fc
          .array(anyBytes(60), { maxLength: 10 })
          .chain((payloads) => fc.tuple(fc.constant(payloads), anyCuts(Buffer.concat(payloads.map(encodeFrame))))),
        async ([payloads, chunks]) =>
          assert.deepEqual(await valuesOf(from(chunks).pipe(parseFrames({ maxPayload: 60 }))), payloads),
      ),
    ));

  it('gives a payload that came in one chunk as a view of it', async () => {
    const chunk = frame('hello');
    const [payload] = await valuesOf(of(chunk).pipe(parseFrames({ maxPayload: 5 })));
    assert.equal(payload?.buffer, chunk.buffer);
    assert.equal(payload.byteOffset, chunk.byteOffset + HEADER_BYTES);
  });

  it('gives a payload that came in several chunks a buffer of its own', async () => {
    const chunks = everyCut(frame('hello'))[12] ?? [];
    const [payload] = await valuesOf(from(chunks).pipe(parseFrames({ maxPayload: 5 })));
    for (const chunk of chunks) chunk.fill('x');
    assert.equal(payload?.toString(), 'hello');
  });

  it('emits no more frames of a chunk once its taker has enough', async () =>
    assert.deepEqual(await valuesOf(of(CHUNKS.t).pipe(parseFrames({ maxPayload: 5 }), map(text), take(1))), ['one']));
});
