import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalFolderStore } from '../../lib/index.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkpointAt, fillPart, keeping, leavePart } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const CONTENT = pattern(4 * BLOCK_BYTES);
const HALF = 2 * BLOCK_BYTES;

/** A part of which half is there, and a way to look for what is kept as another transfer would: in a store of its own. */
const startHalf = async (test: TestContext) => {
  const root = await temporaryFolder(test);
  const store = await LocalFolderStore.open(root);
  const part = await store.begin(['file'], { keep: keeping(CONTENT) });
  await fillPart(part, CONTENT.subarray(0, HALF));
  const other = await LocalFolderStore.open(root);
  return { root, part, kept: async () => (await other.kept(['file']))?.runs[0]?.end };
};

describe('a part that is being let go of', () => {
  it('is found by whoever looks for it meanwhile', async (test) => {
    const { part, kept } = await startHalf(test);
    const leaving = part.suspend();
    assert.equal(await kept(), HALF);
    await leaving;
  });

  it('is not there for whoever looks while it is discarded', async (test) => {
    const { part, kept } = await startHalf(test);
    const leaving = part.discard();
    assert.equal(await kept(), undefined);
    await leaving;
  });

  it('is found also when it was given up while it was being opened', async (test) => {
    const root = await temporaryFolder(test);
    await leavePart(root, 'file', CONTENT, { bytes: HALF, algorithm: 'sha256' });
    const store = await LocalFolderStore.open(root);
    const from = checkpointAt(CONTENT, HALF);
    // Opening takes several steps; whoever looks may come at any of them.
    for (let turns = 0; turns < 30; turns += 1) {
      const leaving = store
        .begin(['file'], { keep: { ...keeping(CONTENT, { start: HALF }), from } })
        .then((part) => part.suspend());
      for (let turn = 0; turn < turns; turn += 1) await nextTurn();
      assert.equal((await store.kept(['file']))?.runs[0]?.end, HALF, `after ${turns} turns`);
      await leaving;
    }
  });

  it('keeps nobody waiting where its begin fails', async (test) => {
    const root = await temporaryFolder(test);
    const store = await LocalFolderStore.open(root);
    const begun = store.begin(['missing', 'file'], { keep: keeping(CONTENT) });
    await assert.rejects(begun, { code: 'NOT_FOUND' });
    await assert.rejects(store.kept(['missing', 'file']), { code: 'NOT_FOUND' });
  });
});

describe('a part that somebody goes on writing', () => {
  it('keeps nobody waiting, and is nobody else’s', async (test) => {
    const { part, kept } = await startHalf(test);
    assert.equal(await kept(), undefined);
    await part.discard();
  });
});
