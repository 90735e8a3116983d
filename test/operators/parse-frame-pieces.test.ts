import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { from, map } from 'rxjs';
import { parseFramePieces } from '../../lib/operators/parse-frame-pieces.ts';
import type { FramePiece } from '../../lib/protocol/frame-decoder.ts';
import { encodeFrame } from '../../lib/protocol/frame-header.ts';
import { valuesOf } from '../helpers/collect.ts';
import { anyBytes, anyCuts } from '../helpers/cuts.ts';
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
  e: frame(''),
  x: Buffer.from('0000000006'),
  g: Buffer.from('GET / HTTP/1.1\r\n'),
  m: Buffer.concat([frame('one'), Buffer.from('0000000006')]),
};

// Announced length, bytes still to come, bytes.
const PIECES = { h: '5 0 hello', o: '3 0 one', t: '3 0 two', a: '5 3 he', b: '5 0 llo', e: '0 0 ' };

const show = ({ length, left, bytes }: FramePiece): string => `${length} ${left} ${bytes.toString()}`;

interface Case {
  readonly source: string;
  readonly expected: string;
  readonly subscription: string;
  readonly unsubscription?: string;
  readonly error?: string;
}

describe('parseFramePieces', () => {
  const check = (name: string, { source, expected, subscription, unsubscription, error }: Case) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source$ = cold(source, CHUNKS);
        const out$ = source$.pipe(parseFramePieces({ maxPayload: 5 }), map(show), byCode());
        expectObservable(out$, unsubscription ?? null).toBe(expected, PIECES, error ?? 'error');
        expectSubscriptions(source$.subscriptions).toBe(subscription);
      }),
    );

  check('waits for a source that never says anything', { source: '-', expected: '-', subscription: '^' });
  check('completes with an empty source', { source: '--|', expected: '--|', subscription: '^-!' });
  check('emits a frame in the turn of its chunk', { source: '-h-|', expected: '-h-|', subscription: '^--!' });
  check('emits every frame of a chunk in one turn', { source: '-t---|', expected: '-(ot)|', subscription: '^----!' });
  check('emits the pieces of a frame as they come', { source: '-pqr|', expected: '--ab|', subscription: '^---!' });
  check('emits an empty frame without waiting', { source: '-e-', expected: '-e-', subscription: '^' });
  check('passes the error of the source on, also inside a frame', {
    source: '-hpq#',
    expected: '-h-a#',
    subscription: '^---!',
  });
  check('errors when the source completes inside a header', {
    source: '-hp|',
    expected: '-h-#',
    subscription: '^--!',
    error: 'FRAME_TRUNCATED',
  });
  check('errors when the source completes inside a payload', {
    source: '-pq|',
    expected: '--a#',
    subscription: '^--!',
    error: 'FRAME_TRUNCATED',
  });
  check('errors at a header over the limit and leaves the source', {
    source: '-hxh|',
    expected: '-h#',
    subscription: '^-!',
    error: 'FRAME_TOO_LARGE',
  });
  check('emits the frames before a bad header in the same chunk', {
    source: '-mh|',
    expected: '-(o#)',
    subscription: '^!',
    error: 'FRAME_TOO_LARGE',
  });
  check('errors at what is no header', {
    source: '-g-h|',
    expected: '-#',
    subscription: '^!',
    error: 'FRAME_HEADER_INVALID',
  });
  check('leaves the source when it is unsubscribed inside a frame', {
    source: '-pq-r|',
    expected: '--a',
    subscription: '^--!',
    unsubscription: '^--!',
  });

  it('asks a limit that is a function at each header', () =>
    marbles(({ cold, expectObservable }) => {
      const limits = [5, 0, 3, 4];
      const out$ = cold('-het---h|', CHUNKS).pipe(
        parseFramePieces({ maxPayload: () => limits.shift() ?? 2 }),
        map(show),
        byCode(),
      );
      expectObservable(out$).toBe('-he(ot)#', PIECES, 'FRAME_TOO_LARGE');
    }));

  it('decodes for each subscriber anew', () =>
    marbles(({ cold, expectObservable }) => {
      const out$ = cold('-pqr|', CHUNKS).pipe(parseFramePieces({ maxPayload: 5 }), map(show));
      expectObservable(out$).toBe('--ab|', PIECES);
      expectObservable(out$, '--^').toBe('----ab|', PIECES);
    }));

  it('passes every payload byte on, however the bytes were cut', async () =>
    fc.assert(
      fc.asyncProperty(
        anyBytes(200).chain((payload) => fc.tuple(fc.constant(payload), anyCuts(encodeFrame(payload)))),
        async ([payload, chunks]) => {
          const pieces = await valuesOf(from(chunks).pipe(parseFramePieces({ maxPayload: 200 })));
          assert.deepEqual(Buffer.concat(pieces.map(({ bytes }) => bytes)), payload);
          assert.equal(pieces.at(-1)?.left, 0);
        },
      ),
    ));
});
