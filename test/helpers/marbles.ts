import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type MonoTypeOperatorFunction, catchError } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { SluiceError } from '../../lib/errors/errors.ts';

export type { RunHelpers };

/** Runs a marble test in virtual time and compares with `node:assert`. */
export const marbles = (run: (helpers: RunHelpers) => void): void => {
  new TestScheduler((actual, expected) => assert.deepStrictEqual(actual, expected)).run(run);
};

/** Turns a typed error into its code, so that a marble test can name it. */
export const byCode = <T>(): MonoTypeOperatorFunction<T> =>
  catchError((error: unknown) => {
    throw error instanceof SluiceError ? error.code : error;
  });

/** Bytes for marble tests; `a` and `b` have seven bytes together. */
export const BYTES = { a: Buffer.from('abc'), b: Buffer.from('defg') };

/**
 * The tests that every operator has to pass that lets its bytes through in the same turn. `make` gives the operator for
 * a source of that many bytes.
 */
export const passesBytesOn = (make: (bytes: number) => MonoTypeOperatorFunction<Buffer>): void => {
  const check = (
    name: string,
    source: string,
    expected: string,
    subscription: string,
    bytes = 7,
    unsubscription = '',
  ) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source$ = cold(source, BYTES);
        const out$ = source$.pipe(make(bytes));
        expectObservable(out$, unsubscription || null).toBe(expected, BYTES);
        expectSubscriptions(source$.subscriptions).toBe(subscription);
      }),
    );
  check('waits for a source that never says anything', '-', '-', '^');
  check('completes with an empty source', '--|', '--|', '^-!', 0);
  check('completes with a source that is over at once', '|', '|', '(^!)', 0);
  check('passes one value on in its turn', '-a-|', '-a-|', '^--!', 3);
  check('passes many values on in their turns', '-a-(b|)', '-a-(b|)', '^--!');
  check('does not complete before its source', '-a-b-', '-a-b-', '^');
  check('passes the error of the source on', '-a-#', '-a-#', '^--!');
  check('unsubscribes from the source when it is unsubscribed', '-a-b-|', '-a-', '^-!', 7, '^-!');

  it('starts anew for each subscriber', () =>
    marbles(({ cold, expectObservable }) => {
      const out$ = cold('-a-(b|)', BYTES).pipe(make(7));
      expectObservable(out$).toBe('-a-(b|)', BYTES);
      expectObservable(out$, '-----^').toBe('------a-(b|)', BYTES);
    }));
};
