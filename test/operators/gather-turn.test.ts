import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Subject } from 'rxjs';
import { gatherTurn } from '../../lib/operators/gather-turn.ts';
import { turns } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const start = () => {
  const source$ = new Subject<number>();
  const seen: (readonly number[] | string)[] = [];
  const subscription = source$.pipe(gatherTurn()).subscribe({
    next: (values) => seen.push(values),
    error: (error: unknown) => seen.push((error as Error).message),
    complete: () => seen.push('end'),
  });
  return { source$, seen, subscription };
};

describe('gatherTurn', () => {
  it('passes on together what came in one turn of the event loop', async () => {
    const { source$, seen } = start();
    for (const value of [1, 2]) source$.next(value);
    await Promise.resolve();
    source$.next(3);
    assert.deepEqual(seen, []);
    await turns(2);
    assert.deepEqual(seen, [[1, 2, 3]]);
    source$.next(4);
    await turns(2);
    assert.deepEqual(seen, [[1, 2, 3], [4]]);
  });

  it('passes on what it has before the end, and before an error', () => {
    const ending = start();
    ending.source$.next(1);
    ending.source$.complete();
    assert.deepEqual(ending.seen, [[1], 'end']);
    const failing = start();
    failing.source$.next(1);
    failing.source$.error(new Error('lost'));
    assert.deepEqual(failing.seen, [[1], 'lost']);
  });

  it('passes on nothing where nothing came, or after it was given up', async () => {
    const { source$, seen, subscription } = start();
    source$.next(1);
    subscription.unsubscribe();
    await turns(2);
    assert.equal(source$.observed, false);
    assert.deepEqual(seen, []);
    const empty = start();
    empty.source$.complete();
    assert.deepEqual(empty.seen, ['end']);
  });
});
