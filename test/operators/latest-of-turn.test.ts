import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Subject } from 'rxjs';
import { latestOfTurn } from '../../lib/operators/latest-of-turn.ts';
import { turns } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const start = () => {
  const source$ = new Subject<number>();
  const seen: (number | string)[] = [];
  const subscription = source$.pipe(latestOfTurn((value) => value < 0)).subscribe({
    next: (value) => seen.push(value),
    error: () => seen.push('error'),
    complete: () => seen.push('end'),
  });
  return { source$, seen, subscription };
};

describe('latestOfTurn', () => {
  it('passes on the last value of a turn when it is over', async () => {
    const { source$, seen } = start();
    source$.next(1);
    source$.next(2);
    assert.deepEqual(seen, []);
    await turns(1);
    assert.deepEqual(seen, [2]);
    await turns(1);
    source$.next(3);
    await turns(1);
    assert.deepEqual(seen, [2, 3]);
  });

  it('passes on what matters at once, in place of what came before it', async () => {
    const { source$, seen } = start();
    source$.next(1);
    source$.next(-1);
    source$.next(-2);
    source$.next(2);
    assert.deepEqual(seen, [-1, -2]);
    await turns(1);
    assert.deepEqual(seen, [-1, -2, 2]);
  });

  it('passes on the last value before the end, and before an error', () => {
    const ended = start();
    ended.source$.next(1);
    ended.source$.complete();
    assert.deepEqual(ended.seen, [1, 'end']);
    const failed = start();
    failed.source$.next(1);
    failed.source$.error(new Error('broken'));
    assert.deepEqual(failed.seen, [1, 'error']);
  });

  it('passes nothing any more to one who has gone', async () => {
    const { source$, seen, subscription } = start();
    source$.next(1);
    subscription.unsubscribe();
    await turns(1);
    assert.deepEqual(seen, []);
    assert.equal(source$.observed, false);
  });
});
