import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BehaviorSubject, lastValueFrom, take } from 'rxjs';
import { fromPull } from '../../lib/streams/from-pull.ts';
import { ALWAYS_OPEN$, settled, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** Counts up, and tells how far it was pulled and whether it was ended. */
const counting = (limit: number) => {
  const state = { pulled: 0, ended: false };
  const items = (async function* () {
    try {
      for (let item = 0; item < limit; item += 1) {
        state.pulled += 1;
        yield item;
        await Promise.resolve();
      }
    } finally {
      state.ended = true;
    }
  })();
  return { state, items };
};

describe('fromPull', () => {
  it('gives every item in order, and completes', async () => {
    assert.deepEqual(await valuesOf(fromPull(counting(4).items, ALWAYS_OPEN$)), [0, 1, 2, 3]);
    assert.deepEqual(await valuesOf(fromPull(counting(0).items, ALWAYS_OPEN$)), []);
  });

  it('takes nothing while it is closed, and one item at most on its way', async () => {
    const open$ = new BehaviorSubject(false);
    const { state, items } = counting(1_000_000);
    const seen: number[] = [];
    const running = fromPull(items, open$).subscribe({
      next: (item) => {
        seen.push(item);
        if (item === 10) open$.next(false);
      },
      error: unexpected,
    });
    await turns();
    assert.equal(state.pulled, 0);
    open$.next(true);
    await until(() => seen.length > 10);
    assert.equal(await settled(() => state.pulled), 11);
    running.unsubscribe();
    await until(() => state.ended);
  });

  it('goes on where it was closed and opened again, also at once', async () => {
    const open$ = new BehaviorSubject(true);
    const { items } = counting(100);
    const seen: number[] = [];
    await new Promise<void>((resolve, reject) => {
      fromPull(items, open$).subscribe({
        next: (item) => {
          seen.push(item);
          open$.next(false);
          if (item % 2 === 0) open$.next(true);
          else setImmediate(() => open$.next(true));
        },
        error: reject,
        complete: resolve,
      });
    });
    assert.deepEqual(seen, [...Array(100).keys()]);
  });

  it('ends the iteration when it is unsubscribed, also from within', async () => {
    const { state, items } = counting(100);
    assert.equal(await lastValueFrom(fromPull(items, ALWAYS_OPEN$).pipe(take(3))), 2);
    await until(() => state.ended);
    assert.equal(state.pulled, 3);
  });

  it('errors with what the iteration throws', async () => {
    const failing = (async function* () {
      yield await Promise.resolve(1);
      throw new Error('no more');
    })();
    await assert.rejects(valuesOf(fromPull(failing, ALWAYS_OPEN$)), { message: 'no more' });
  });
});
