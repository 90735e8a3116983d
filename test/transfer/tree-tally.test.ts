import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY, Subject, concat, of, throwError } from 'rxjs';
import { UnsupportedError } from '../../lib/index.ts';
import type { Progress } from '../../lib/streams/flow.ts';
import { TreeTally } from '../../lib/transfer/tree-tally.ts';
import { valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('TreeTally', () => {
  it('sums up files that go side by side', () => {
    const tally = new TreeTally();
    const [one, other] = [new Subject<Progress>(), new Subject<Progress>()];
    one.pipe(tally.file()).subscribe();
    other.pipe(tally.file()).subscribe();
    one.next({ bytes: 5 });
    other.next({ bytes: 7 });
    one.next({ bytes: 10 });
    assert.deepEqual(tally.count, { files: 0, bytes: 17, skipped: 0, failed: 0 });
    one.complete();
    other.complete();
    assert.deepEqual(tally.count, { files: 2, bytes: 17, skipped: 0, failed: 0 });
  });

  it('counts a file as done when it completes and not before, also an empty one', async () => {
    const tally = new TreeTally();
    assert.deepEqual(
      (await valuesOf(concat(of({ bytes: 3 }), of({ bytes: 4 })).pipe(tally.file()))).map(({ files }) => files),
      [0, 0, 1],
    );
    assert.equal((await valuesOf(EMPTY.pipe(tally.file()))).at(-1)?.files, 2);
  });

  it('counts what was there of a file, and nothing of one that fails or begins again', async () => {
    const tally = new TreeTally();
    await valuesOf(of({ bytes: 5, resumed: 5 }, { bytes: 7, resumed: 5 }).pipe(tally.file()));
    assert.deepEqual(tally.count, { files: 1, bytes: 7, resumed: 5, skipped: 0, failed: 0 });
    await valuesOf(of({ bytes: 9, resumed: 9 }, { bytes: 0 }, { bytes: 3 }).pipe(tally.file()));
    assert.deepEqual(tally.count, { files: 2, bytes: 10, resumed: 5, skipped: 0, failed: 0 });
    const error = new UnsupportedError('no');
    const failing$ = concat(
      of({ bytes: 4 }),
      throwError(() => error),
    );
    await assert.rejects(valuesOf(failing$.pipe(tally.file())));
    assert.equal(tally.count.bytes, 10);
  });

  it('tells skipped files, failed ones and done ones apart', async () => {
    const tally = new TreeTally();
    await valuesOf(of('skipped' as const).pipe(tally.file()));
    const error = new UnsupportedError('no');
    assert.deepEqual(tally.failed({ kind: 'failed', path: ['a'], error }), {
      files: 0,
      bytes: 0,
      skipped: 1,
      failed: 1,
      problem: { path: ['a'], error },
    });
    await assert.rejects(valuesOf(throwError(() => error).pipe(tally.file())));
    assert.deepEqual(tally.count, { files: 0, bytes: 0, skipped: 1, failed: 1 });
  });
});
