import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NEVER, type Observable, Subject, interval, lastValueFrom, take, throwError, toArray } from 'rxjs';
import { unlessSilent } from '../../lib/operators/unless-silent.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const tooQuiet = new Error('too quiet');

const within = (milliseconds: number, source$: Observable<number>): Promise<number[]> =>
  lastValueFrom(
    source$.pipe(
      unlessSilent(milliseconds, () => tooQuiet),
      toArray(),
    ),
  );

describe('unlessSilent', () => {
  it('errors when nothing comes', () => assert.rejects(within(10, NEVER), tooQuiet));

  it('errors when nothing more comes, and leaves the source', async () => {
    const source$ = new Subject<number>();
    const passed = within(10, source$);
    source$.next(1);
    await assert.rejects(passed, tooQuiet);
    assert.equal(source$.observed, false);
  });

  it('passes on what comes in time, however long all of it takes', async () => {
    assert.deepEqual(await within(2000, interval(500).pipe(take(5))), [0, 1, 2, 3, 4]);
  });

  it("ends with the source's own error", async () => {
    const own = new Error('of the source');
    await assert.rejects(
      within(
        1000,
        throwError(() => own),
      ),
      own,
    );
  });

  it('waits for nothing any more when it is unsubscribed', () => {
    NEVER.pipe(unlessSilent(60_000, () => tooQuiet))
      .subscribe()
      .unsubscribe();
  });
});
