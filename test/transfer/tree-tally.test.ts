import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedError } from '../../lib/index.ts';
import { TreeTally } from '../../lib/transfer/tree-tally.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('TreeTally', () => {
  it('sums up files that go side by side', () => {
    const tally = new TreeTally();
    const [one, other] = [tally.file(), tally.file()];
    one.at({ bytes: 5 });
    other.at({ bytes: 7 });
    one.at({ bytes: 10 });
    assert.deepEqual(tally.count, { files: 0, bytes: 17, skipped: 0, failed: 0 });
    one.end();
    other.end();
    assert.deepEqual(tally.count, { files: 2, bytes: 17, skipped: 0, failed: 0 });
  });

  it('counts a file as done at its end and not before, also an empty one', () => {
    const tally = new TreeTally();
    const file = tally.file();
    for (const bytes of [3, 4]) {
      file.at({ bytes });
      assert.equal(tally.count.files, 0);
    }
    file.end();
    assert.equal(tally.count.files, 1);
    tally.file().end();
    tally.written(7);
    assert.deepEqual(tally.count, { files: 3, bytes: 11, skipped: 0, failed: 0 });
  });

  it('counts what was there of a file, and nothing of one that fails or begins again', () => {
    const tally = new TreeTally();
    const resumed = tally.file();
    for (const bytes of [5, 7]) resumed.at({ bytes, resumed: 5 });
    resumed.end();
    assert.deepEqual(tally.count, { files: 1, bytes: 7, resumed: 5, skipped: 0, failed: 0 });
    const again = tally.file();
    for (const progress of [{ bytes: 9, resumed: 9 }, { bytes: 0 }, { bytes: 3 }]) again.at(progress);
    again.end();
    assert.deepEqual(tally.count, { files: 2, bytes: 10, resumed: 5, skipped: 0, failed: 0 });
    const failing = tally.file();
    failing.at({ bytes: 4 });
    failing.fail();
    assert.deepEqual(tally.count, { files: 2, bytes: 10, resumed: 5, skipped: 0, failed: 0 });
  });

  it('tells skipped files, failed ones and done ones apart', () => {
    const tally = new TreeTally();
    const skipped = tally.file();
    skipped.at('skipped');
    skipped.end();
    const problem = { path: ['a'], error: new UnsupportedError('no') };
    tally.file().fail();
    assert.deepEqual(tally.failed(problem), problem);
    assert.deepEqual(tally.count, { files: 0, bytes: 0, skipped: 1, failed: 1 });
  });
});
