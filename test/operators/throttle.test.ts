import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import fc from 'fast-check';
import { Subject, asyncScheduler, map, of } from 'rxjs';
import { throttle } from '../../lib/operators/throttle.ts';
import { fromChunks } from '../../lib/streams/from-chunks.ts';
import { pumpWithin } from '../../lib/streams/pump.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { pattern, turns, unexpected, valuesOf } from '../helpers/collect.ts';
import { inPiecesOf } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RunHelpers, marbles } from '../helpers/marbles.ts';
import { SlowSink } from '../helpers/slow-sink.ts';

checkLeaks();

// At this rate a piece is 2048 bytes and takes 100 ms.
const RATE = 20_480;
const PIECE = 2048;

/** A marble test whose virtual time is also that of the monotonic clock. */
const onVirtualClock = (test: TestContext, run: (helpers: RunHelpers) => void): void =>
  marbles((helpers) => {
    test.mock.method(performance, 'now', () => asyncScheduler.now());
    run(helpers);
  });

const CHUNKS = { a: pattern(PIECE), b: pattern(2 * PIECE), c: pattern(PIECE + 1024), e: Buffer.alloc(0) };
const LENGTHS = { p: PIECE, h: 1024 };

describe('throttle', () => {
  const check = (
    name: string,
    source: string,
    expected: string,
    subscription: string,
    unsubscription: string | null = null,
  ) =>
    it(name, (test) =>
      onVirtualClock(test, ({ cold, expectObservable, expectSubscriptions }) => {
        const source$ = cold(source, CHUNKS);
        const out$ = source$.pipe(
          throttle(RATE).through(new Valve()),
          map((piece) => piece.length),
        );
        expectObservable(out$, unsubscription).toBe(expected, LENGTHS);
        expectSubscriptions(source$.subscriptions).toBe(subscription);
      }),
    );

  check('waits for a source that never says anything', '-', '-', '^');
  check('completes with an empty source', '--|', '--|', '^-!');
  check('lets a piece pass when its time is over', 'a|', '100ms (p|)', '^!');
  check('lets a chunk pass in pieces, one after the other', 'b|', '100ms p 99ms (p|)', '^!');
  check('lets less than a piece pass in less time', 'c|', '100ms p 49ms (h|)', '^!');
  check('lets chunks that come at once pass one after the other', '(aa)-|', '100ms p 99ms (p|)', '^----!');
  check('gives no credit for time in which nothing came', '500ms b|', '600ms p 99ms (p|)', '^ 500ms !');
  check('passes over chunks without bytes', 'eae|', '101ms (p|)', '^--!');
  check('completes only when the last byte has passed', 'b 400ms |', '100ms p 99ms p 200ms |', '^ 400ms !');
  check('leaves the source when it is unsubscribed', 'b 400ms |', '100ms p', '^ 150ms !', '^ 150ms !');
  check('passes the error of the source on without waiting', 'b 120ms #', '100ms p 20ms #', '^ 120ms !');

  it('counts what waits in the valve, and nothing else', (test) =>
    onVirtualClock(test, ({ cold, expectObservable }) => {
      const valve = new Valve();
      const held$ = cold('b-a|', CHUNKS).pipe(
        throttle(RATE).through(valve),
        map(() => valve.held),
      );
      expectObservable(held$).toBe('100ms x 99ms y 99ms (z|)', { x: 2 * PIECE, y: PIECE, z: 0 });
    }));

  it('closes the valve while too much waits', () => {
    const valve = new Valve({ high: 2 * PIECE, low: PIECE });
    const states: boolean[] = [];
    const gate = valve.open$.subscribe({ next: (open) => states.push(open), error: unexpected });
    const source = new Subject<Buffer>();
    const running = source.pipe(throttle(RATE).through(valve)).subscribe({ error: unexpected });
    source.next(CHUNKS.a);
    assert.deepEqual(states, [true]);
    source.next(CHUNKS.a);
    assert.deepEqual(states, [true, false]);
    running.unsubscribe();
    gate.unsubscribe();
  });

  it('lets a fast source run no further ahead than the bound of the pipeline', async () => {
    const high = 65_536;
    const piece = Buffer.alloc(4096);
    let produced = 0;
    const endless = function* () {
      for (;;) {
        produced += piece.length;
        yield piece;
      }
    };
    const running = pumpWithin({ high })(fromChunks(endless()), throttle(1), new SlowSink().sink).subscribe({
      error: unexpected,
    });
    await turns(200);
    assert.equal(produced, high);
    running.unsubscribe();
  });

  it('keeps every byte in its place, however the bytes are cut', async () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9000 }), async (size) => {
        const bytes = pattern(20_000);
        const valve = new Valve();
        const pieces = await valuesOf(of(...inPiecesOf(size, bytes)).pipe(throttle(1e9).through(valve)));
        assert.deepEqual(Buffer.concat(pieces), bytes);
        assert.equal(valve.held, 0);
      }),
      { numRuns: 10 },
    ));

  for (const rate of [0, -1, NaN])
    it(`refuses a rate of ${rate}`, () => assert.throws(() => throttle(rate), { code: 'OPTION_INVALID' }));
});
