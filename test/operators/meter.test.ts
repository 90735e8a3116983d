import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY, NEVER, concat, lastValueFrom, of } from 'rxjs';
import { meter } from '../../lib/operators/meter.ts';
import { unexpected, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { BYTES, marbles, passesBytesOn } from '../helpers/marbles.ts';

checkLeaks();

describe('meter', () => {
  passesBytesOn(() => meter(() => undefined));

  it('reports how many bytes have passed after each chunk', async () => {
    const reports: number[] = [];
    await lastValueFrom(of(BYTES.a, Buffer.alloc(0), BYTES.b).pipe(meter((bytes) => reports.push(bytes))));
    assert.deepEqual(reports, [3, 3, 7]);
  });

  it('reports nothing when nothing passes', async () => {
    const reports: number[] = [];
    await valuesOf(EMPTY.pipe(meter((bytes) => reports.push(bytes))));
    assert.deepEqual(reports, []);
  });

  it('counts anew for each subscription', async () => {
    const reports: number[] = [];
    const metered$ = of(BYTES.a, BYTES.b).pipe(meter((bytes) => reports.push(bytes)));
    await lastValueFrom(metered$);
    await lastValueFrom(metered$);
    assert.deepEqual(reports, [3, 7, 3, 7]);
  });

  it('reports a chunk before it passes it on', () => {
    const seen: string[] = [];
    concat(of(BYTES.a), NEVER)
      .pipe(meter((bytes) => seen.push(`report ${bytes}`)))
      .subscribe({ next: (chunk) => seen.push(chunk.toString()), error: unexpected })
      .unsubscribe();
    assert.deepEqual(seen, ['report 3', 'abc']);
  });

  it('errors when the report does, and leaves the source', () =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source$ = cold('-a-b|', BYTES);
      const out$ = source$.pipe(
        meter(() => {
          throw 'no paper';
        }),
      );
      expectObservable(out$).toBe('-#', {}, 'no paper');
      expectSubscriptions(source$.subscriptions).toBe('^!');
    }));
});
