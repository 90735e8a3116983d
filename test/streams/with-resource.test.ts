import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Observable, Subject, of, throwError } from 'rxjs';
import { withResource } from '../../lib/streams/with-resource.ts';
import { turns, unexpected, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** Something to open that counts, and what becomes of it. */
const door = (use: (name: string) => Observable<unknown>, close = () => Promise.resolve()) => {
  const count = { opened: 0, closed: 0 };
  const inside$ = withResource(
    () => {
      count.opened += 1;
      return Promise.resolve('room');
    },
    () => {
      count.closed += 1;
      return close();
    },
    use,
  );
  return { count, inside$ };
};

describe('withResource', () => {
  it('opens nothing before it is subscribed, and anew for each subscriber', async () => {
    const { count, inside$ } = door((name) => of(name));
    assert.deepEqual(count, { opened: 0, closed: 0 });
    assert.deepEqual(await valuesOf(inside$), ['room']);
    assert.deepEqual(await valuesOf(inside$), ['room']);
    assert.deepEqual(count, { opened: 2, closed: 2 });
  });

  it('closes once when its use completes, not before', async () => {
    const work = new Subject<number>();
    const { count, inside$ } = door(() => work);
    const seen = valuesOf(inside$);
    await turns(2);
    work.next(1);
    assert.deepEqual(count, { opened: 1, closed: 0 });
    work.complete();
    assert.deepEqual(await seen, [1]);
    await turns(2);
    assert.deepEqual(count, { opened: 1, closed: 1 });
  });

  it('closes once when its use fails', async () => {
    const failure = new Error('work broken');
    const { count, inside$ } = door(() => throwError(() => failure));
    await assert.rejects(valuesOf(inside$), failure);
    await turns(2);
    assert.deepEqual(count, { opened: 1, closed: 1 });
  });

  it('tells its end, and its error, only when it is closed', async () => {
    for (const ending of ['complete', 'error'] as const) {
      const work = new Subject<number>();
      let letClose: () => void = () => undefined;
      const closing = new Promise<void>((resolve) => (letClose = resolve));
      const { count, inside$ } = door(
        () => work,
        () => closing,
      );
      const seen: string[] = [];
      inside$.subscribe({
        next: () => seen.push('next'),
        error: () => seen.push('error'),
        complete: () => seen.push('complete'),
      });
      await turns(2);
      work.next(1);
      if (ending === 'error') work.error(new Error('work broken'));
      else work.complete();
      await turns(2);
      assert.deepEqual([seen, count.closed], [['next'], 1]);
      letClose();
      await turns(2);
      assert.deepEqual([seen, count.closed], [['next', ending], 1]);
    }
  });

  it('tells nothing more to whoever leaves while it closes', async () => {
    const work = new Subject<number>();
    let letClose: () => void = () => undefined;
    const closing = new Promise<void>((resolve) => (letClose = resolve));
    const { count, inside$ } = door(
      () => work,
      () => closing,
    );
    const running = inside$.subscribe({ error: unexpected, complete: () => assert.fail('told too late') });
    await turns(2);
    work.complete();
    await turns(2);
    running.unsubscribe();
    letClose();
    await turns(2);
    assert.equal(count.closed, 1);
  });

  it('closes once when its use cannot even begin', async () => {
    const failure = new Error('no work today');
    const { count, inside$ } = door(() => {
      throw failure;
    });
    await assert.rejects(valuesOf(inside$), failure);
    await turns(2);
    assert.deepEqual(count, { opened: 1, closed: 1 });
  });

  it('closes once, and cancels its use, when it is unsubscribed', async () => {
    const work = new Subject<number>();
    const { count, inside$ } = door(() => work);
    const running = inside$.subscribe({ error: unexpected });
    await turns(2);
    assert.equal(work.observed, true);
    running.unsubscribe();
    running.unsubscribe();
    assert.equal(work.observed, false);
    await turns(2);
    assert.deepEqual(count, { opened: 1, closed: 1 });
  });

  it('closes what opens after it was unsubscribed, unused', async () => {
    let used = false;
    const { count, inside$ } = door(() => of((used = true)));
    inside$.subscribe({ error: unexpected }).unsubscribe();
    await turns(2);
    assert.deepEqual(count, { opened: 1, closed: 1 });
    assert.equal(used, false);
  });

  it('errors when it cannot open, with nothing to close', async () => {
    const failure = new Error('locked');
    const closed: unknown[] = [];
    const inside$ = withResource(
      () => Promise.reject(failure),
      (resource) => Promise.resolve(closed.push(resource)),
      () => of(1),
    );
    await assert.rejects(valuesOf(inside$), failure);
    assert.deepEqual(closed, []);
  });

  it('keeps quiet when it cannot open after it was unsubscribed', async () => {
    const inside$ = withResource(
      () => Promise.reject(new Error('locked')),
      () => Promise.resolve(),
      () => of(1),
    );
    inside$.subscribe({ error: unexpected }).unsubscribe();
    await turns(2);
  });

  it('drops an error of closing', async () => {
    const { count, inside$ } = door(
      () => of(1),
      () => Promise.reject(new Error('stuck')),
    );
    assert.deepEqual(await valuesOf(inside$), [1]);
    await turns(2);
    assert.equal(count.closed, 1);
  });
});
