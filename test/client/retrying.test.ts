import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { type Observable, Subject, defer, map } from 'rxjs';
import { retrying } from '../../lib/client/retrying.ts';
import { type ErrorCode, ConnectionError, RemoteError, SluiceError } from '../../lib/index.ts';
import type { TransferProgress } from '../../lib/transfer/transfer-progress.ts';
import { turns, unexpected } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RunHelpers, byCode, marbles } from '../helpers/marbles.ts';

checkLeaks();

const remote = (code: ErrorCode) => new RemoteError(code, 'as the server says');

const progress = (bytes: number, about: Partial<TransferProgress> = {}): TransferProgress => ({
  state: 'moving',
  bytes,
  total: 100,
  rate: 0,
  eta: undefined,
  ...about,
});

const NOTHING_YET: TransferProgress = { state: 'moving', bytes: 0, total: undefined, rate: 0, eta: undefined };

/** Values of marbles: a digit is progress of that many bytes, `R` and `S` begin behind 10 and 20 bytes. */
const VALUES = {
  ...Object.fromEntries(Array.from('123456789', (digit) => [digit, progress(Number(digit))])),
  R: progress(11, { resumed: 10 }),
  S: progress(21, { resumed: 20 }),
  d: progress(9, { state: 'completed' }),
};

/** What is seen of a transfer: bytes and the wait, so that a marble can name it. */
const shortly = ({ state, bytes, trouble, waitMs }: TransferProgress): string =>
  state === 'waiting' ? `${bytes} ${trouble?.code ?? ''} ${waitMs ?? ''}` : String(bytes);

/** Waits are as long as they may be, so that they can be told. */
const withoutChance = (test: TestContext) => test.mock.method(Math, 'random', () => 0);

/** One try after the other. */
const tries = (cold: RunHelpers['cold'], ...marbled: readonly (readonly [string, ErrorCode?])[]) => {
  let index = 0;
  return defer(() => {
    const [marble, code = 'CLOSED_EARLY'] = marbled[Math.min(index, marbled.length - 1)] ?? [''];
    index += 1;
    return cold<TransferProgress>(marble, VALUES, remote(code));
  });
};

const watched = (attempt$: Observable<TransferProgress>, retries: number, isWanted = () => true) =>
  attempt$.pipe(retrying({ nothingYet: NOTHING_YET, retries, isWanted }), map(shortly), byCode());

describe('retrying', () => {
  it('passes on a transfer that does not break off', () =>
    marbles(({ cold, expectObservable }) => {
      const out$ = watched(tries(cold, ['-1-2-(d|)']), 5);
      expectObservable(out$).toBe('-1-2-(9|)', { 1: '1', 2: '2', 9: '9' });
    }));

  it('says that it waits, and why, then begins again', (test) => {
    withoutChance(test);
    marbles(({ cold, expectObservable }) => {
      const out$ = watched(tries(cold, ['-1-#'], ['-2-(d|)']), 5);
      const values = { 1: '1', w: '1 CLOSED_EARLY 500', 2: '2', 9: '9' };
      expectObservable(out$).toBe('-1-w 499ms -2-(9|)', values);
    });
  });

  it('waits twice as long each time, up to half a minute', (test) => {
    withoutChance(test);
    const waits: (number | undefined)[] = [];
    marbles(({ cold, flush }) => {
      tries(cold, ['#'])
        .pipe(retrying({ nothingYet: NOTHING_YET, retries: 9, isWanted: () => true }))
        .subscribe({ next: ({ waitMs }) => waits.push(waitMs), error: () => undefined });
      flush();
    });
    assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('waits less by chance, but never less than half', (test) => {
    test.mock.method(Math, 'random', () => 1 - Number.EPSILON);
    const waits: number[] = [];
    marbles(({ cold, flush }) => {
      tries(cold, ['#'])
        .pipe(retrying({ nothingYet: NOTHING_YET, retries: 3, isWanted: () => true }))
        .subscribe({ next: ({ waitMs = 0 }) => waits.push(Math.round(waitMs)), error: () => undefined });
      flush();
    });
    assert.deepEqual(waits, [250, 500, 1000]);
  });

  it('gives up with the last failure after so many tries in a row', (test) => {
    withoutChance(test);
    for (const retries of [0, 1, 3]) {
      const seen: string[] = [];
      let failure: unknown;
      marbles(({ cold, flush }) => {
        tries(cold, ['#'], ['#', 'CONNECT_FAILED'])
          .pipe(retrying({ nothingYet: NOTHING_YET, retries, isWanted: () => true }), map(shortly))
          .subscribe({ next: (text) => seen.push(text), error: (error: unknown) => (failure = error) });
        flush();
      });
      assert.equal(seen.length, retries);
      assert.ok(failure instanceof SluiceError);
      assert.equal(failure.code, retries === 0 ? 'CLOSED_EARLY' : 'CONNECT_FAILED');
    }
  });

  it('counts anew when a try begins behind more than those before it', (test) => {
    withoutChance(test);
    const waits: (number | undefined)[] = [];
    marbles(({ cold, flush }) => {
      tries(cold, ['#'], ['R#'], ['R#'], ['S#'], ['#'])
        .pipe(retrying({ nothingYet: NOTHING_YET, retries: 2, isWanted: () => true }))
        .subscribe({ next: ({ state, waitMs }) => state === 'waiting' && waits.push(waitMs), error: () => undefined });
      flush();
    });
    assert.deepEqual(waits, [500, 500, 1000, 500, 1000]);
  });

  it('does not count anew when the same bytes only move again', (test) => {
    withoutChance(test);
    const waits: (number | undefined)[] = [];
    marbles(({ cold, flush }) => {
      tries(cold, ['123456789#', 'DIGEST_MISMATCH'])
        .pipe(retrying({ nothingYet: NOTHING_YET, retries: 3, isWanted: () => true }))
        .subscribe({ next: ({ state, waitMs }) => state === 'waiting' && waits.push(waitMs), error: () => undefined });
      flush();
    });
    assert.deepEqual(waits, [500, 1000, 2000]);
  });

  const PASSING: readonly ErrorCode[] = [
    'CLOSED_EARLY',
    'CONNECT_FAILED',
    'CONNECT_TIMEOUT',
    'DATA_TIMEOUT',
    'DIGEST_MISMATCH',
    'HELLO_TIMEOUT',
    'IDLE_TIMEOUT',
    'MESSAGE_INVALID',
    'OFFSET_MISMATCH',
    'SERVER_STOPPING',
    'SIZE_MISMATCH',
    'STALLED',
    'STATE_UNEXPECTED',
  ];
  const LASTING: readonly ErrorCode[] = [
    'BUSY',
    'CANCELLED',
    'EXISTS',
    'NOT_FOUND',
    'NO_SPACE',
    'PERMISSION_DENIED',
    'READ_ONLY',
    'SERVER_FULL',
    'SOURCE_CHANGED',
    'VERSION_MISMATCH',
  ];
  for (const code of [...PASSING, ...LASTING])
    it(`${PASSING.includes(code) ? 'tries again' : 'gives up at once'} after ${code}`, (test) => {
      withoutChance(test);
      marbles(({ cold, expectObservable }) => {
        const out$ = watched(tries(cold, ['#', code], ['(d|)']), 5);
        if (PASSING.includes(code)) expectObservable(out$).toBe('w 499ms (9|)', { w: `0 ${code} 500`, 9: '9' });
        else expectObservable(out$).toBe('#', {}, code);
      });
    });

  for (const code of ['BUSY', 'SERVER_FULL'] as const)
    it(`tries again after ${code} when a connection was lost before: the old session may not be over`, (test) => {
      withoutChance(test);
      marbles(({ cold, expectObservable }) => {
        const out$ = watched(tries(cold, ['#'], ['#', code], ['(d|)']), 5);
        const values = { v: '0 CLOSED_EARLY 500', w: `0 ${code} 1000`, 9: '9' };
        expectObservable(out$).toBe('v 499ms w 999ms (9|)', values);
      });
    });

  it('gives up at once on a failure that is no transfer’s, and when nobody wants it any more', () =>
    marbles(({ cold, expectObservable }) => {
      const defect = new TypeError('a defect');
      expectObservable(watched(cold('#', {}, defect), 5)).toBe('#', {}, defect);
      expectObservable(watched(tries(cold, ['#']), 5, () => false)).toBe('#', {}, 'CLOSED_EARLY');
    }));

  it('tries no more once it is unsubscribed, moving or waiting', async () => {
    for (const isWaiting of [false, true]) {
      let begun = 0;
      const attempt = new Subject<TransferProgress>();
      const attempt$ = defer(() => ((begun += 1), attempt));
      const running = attempt$
        .pipe(retrying({ nothingYet: NOTHING_YET, retries: 5, isWanted: () => true }))
        .subscribe({ error: unexpected });
      if (isWaiting) attempt.error(new ConnectionError('CLOSED_EARLY', 'lost'));
      running.unsubscribe();
      assert.equal(attempt.observed, false);
      // The leak check finds a timer that is left.
      await turns(2);
      assert.equal(begun, 1);
    }
  });
});
