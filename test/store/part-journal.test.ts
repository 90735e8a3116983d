import assert from 'node:assert/strict';
import { type FileHandle, open, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PartJournal } from '../../lib/store/part-journal.ts';
import { thisProcess } from '../../lib/store/part-owner.ts';
import { pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, checkpointAt, corrupt, digestsOf, forgeJournal, scatteredAt } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const CONTENT = pattern(2 * BLOCK_BYTES + 1000);
const DIGESTS = digestsOf(CONTENT);
const IDENTITY = { size: CONTENT.length, modified: MODIFIED, algorithm: 'sha256' } as const;

/** A part file with the first blocks of the content and its journal. */
const newPart = async (test: TestContext, blocks: number) => {
  const file = join(await temporaryFolder(test), 'part');
  const handle = await open(file, 'wx+');
  test.after(() => handle.close());
  const journal = await PartJournal.create(handle, IDENTITY, await thisProcess());
  await addBlocks(handle, journal, 0, blocks);
  return { file, handle, journal };
};

const addBlocks = async (handle: FileHandle, journal: PartJournal, from: number, to: number): Promise<void> => {
  for (let index = from; index < to; index += 1) {
    const block = CONTENT.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
    await handle.write(block, 0, block.length, index * BLOCK_BYTES);
    journal.record(index, DIGESTS[index] ?? '');
  }
  await journal.flush();
};

const reread = async (handle: FileHandle): Promise<PartJournal> => {
  const journal = await PartJournal.read(handle);
  assert.ok(journal !== undefined);
  return journal;
};

/** Says that the blocks were written before the machine was started. */
const fromEarlierStart = (file: string) => forgeJournal(file, (header) => ({ ...header, boot: 'an earlier one' }));

describe('PartJournal', () => {
  it('tells how far the content is there, in whole blocks or all of it', async (test) => {
    const { handle, journal } = await newPart(test, 0);
    assert.equal(await (await reread(handle)).checkpoint(), undefined);
    for (const [index, offset] of [BLOCK_BYTES, 2 * BLOCK_BYTES, CONTENT.length].entries()) {
      await addBlocks(handle, journal, index, index + 1);
      assert.deepEqual(await journal.checkpoint(), checkpointAt(CONTENT, offset));
      assert.deepEqual(await (await reread(handle)).checkpoint(), checkpointAt(CONTENT, offset));
    }
  });

  it('tells of blocks wherever they are, in whatever order they come', async (test) => {
    const { handle, journal } = await newPart(test, 0);
    await addBlocks(handle, journal, 2, 3);
    assert.deepEqual(await journal.checkpoint(), scatteredAt(CONTENT, [[2 * BLOCK_BYTES, CONTENT.length]]));
    await addBlocks(handle, journal, 0, 1);
    const scattered = scatteredAt(CONTENT, [
      [0, BLOCK_BYTES],
      [2 * BLOCK_BYTES, CONTENT.length],
    ]);
    assert.deepEqual(await (await reread(handle)).checkpoint(), scattered);
    await addBlocks(handle, journal, 1, 2);
    assert.deepEqual(await (await reread(handle)).checkpoint(), checkpointAt(CONTENT, CONTENT.length));
  });

  it('writes down at once what was noted in several places', async (test) => {
    const { handle, journal } = await newPart(test, 0);
    for (const index of [2, 0]) journal.record(index, DIGESTS[index] ?? '');
    await journal.flush();
    assert.equal((await (await reread(handle)).checkpoint())?.runs.length, 2);
    journal.record(1, DIGESTS[1] ?? '');
    assert.deepEqual(await journal.checkpoint(), checkpointAt(CONTENT, CONTENT.length));
  });

  it('tells of what is still being written down when it is asked', async (test) => {
    const { handle, journal } = await newPart(test, 0);
    const scattered = scatteredAt(CONTENT, [
      [0, BLOCK_BYTES],
      [2 * BLOCK_BYTES, CONTENT.length],
    ]);
    await handle.write(CONTENT, 0, CONTENT.length, 0);
    for (const index of [0, 2]) journal.record(index, DIGESTS[index] ?? '');
    const writing = journal.flush();
    assert.deepEqual(await journal.checkpoint(), scattered);
    await writing;
  });

  it('knows whether runs are still there', async (test) => {
    const { journal } = await newPart(test, 2);
    const there = checkpointAt(CONTENT, 2 * BLOCK_BYTES).runs;
    assert.equal(await journal.holds(there), true);
    assert.equal(await journal.holds(checkpointAt(CONTENT, BLOCK_BYTES).runs), false);
    assert.equal(await journal.holds([...there, { offset: 2 * BLOCK_BYTES, end: CONTENT.length, digest: '' }]), false);
  });

  it('says who writes, and forgets blocks when it is handed on', async (test) => {
    const { handle, journal } = await newPart(test, 3);
    assert.deepEqual((await reread(handle)).header.owner, await thisProcess());
    await journal.hand(null);
    assert.equal((await reread(handle)).header.owner, null);
    await journal.hand(await thisProcess(), [{ offset: 0, end: 2 * BLOCK_BYTES }]);
    assert.deepEqual((await reread(handle)).header.owner, await thisProcess());
    assert.deepEqual(await journal.checkpoint(), checkpointAt(CONTENT, 2 * BLOCK_BYTES));
    await journal.hand(null, [{ offset: 0, end: CONTENT.length }]);
    assert.deepEqual(await journal.checkpoint(), checkpointAt(CONTENT, 2 * BLOCK_BYTES));
    await addBlocks(handle, journal, 2, 3);
    await journal.hand(null, [{ offset: 2 * BLOCK_BYTES, end: CONTENT.length }]);
    assert.deepEqual(await journal.checkpoint(), scatteredAt(CONTENT, [[2 * BLOCK_BYTES, CONTENT.length]]));
  });

  it('leaves the content alone in the file when it is removed, and can be put back as it was', async (test) => {
    const { file, handle, journal } = await newPart(test, 2);
    const restore = await journal.remove();
    assert.equal((await stat(file)).size, CONTENT.length);
    assert.equal(await PartJournal.read(handle), undefined);
    await restore();
    assert.deepEqual(await (await reread(handle)).checkpoint(), checkpointAt(CONTENT, 2 * BLOCK_BYTES));
  });

  describe('of an earlier start of the machine', () => {
    it('has its blocks proven again, and counts all that are good', async (test) => {
      for (const [blocks, offset] of [
        [2, 2 * BLOCK_BYTES],
        [3, CONTENT.length],
      ] as const) {
        const { file, handle } = await newPart(test, blocks);
        await fromEarlierStart(file);
        assert.deepEqual(await (await reread(handle)).checkpoint(), checkpointAt(CONTENT, offset));
      }
    });

    it('keeps what did reach the disk', async (test) => {
      const { file, handle } = await newPart(test, 3);
      await fromEarlierStart(file);
      await corrupt(file, BLOCK_BYTES + 17);
      const left = scatteredAt(CONTENT, [
        [0, BLOCK_BYTES],
        [2 * BLOCK_BYTES, CONTENT.length],
      ]);
      assert.deepEqual(await (await reread(handle)).checkpoint(), left);
      for (const at of [0, 2 * BLOCK_BYTES]) await corrupt(file, at);
      assert.equal(await (await reread(handle)).checkpoint(), undefined);
    });

    it('need not be proven a second time once somebody has taken it on', async (test) => {
      const { file, handle } = await newPart(test, 3);
      await fromEarlierStart(file);
      const journal = await reread(handle);
      await journal.hand(await thisProcess(), [{ offset: 0, end: 2 * BLOCK_BYTES }]);
      assert.equal((await reread(handle)).header.boot, (await thisProcess()).boot);
      await journal.hand(null);
      assert.equal((await reread(handle)).header.boot, (await thisProcess()).boot);
    });

    it('is proven by this start only in what this start wrote', async (test) => {
      const { file, handle } = await newPart(test, 3);
      await corrupt(file, 17);
      // Nothing is read again of what was verified since the machine was started: that is the price of going on at once.
      assert.deepEqual(await (await reread(handle)).checkpoint(), checkpointAt(CONTENT, CONTENT.length));
    });
  });

  describe('that is not one', () => {
    const FORGERIES: readonly {
      readonly what: string;
      readonly forge: (header: Record<string, unknown>) => unknown;
    }[] = [
      { what: 'no JSON', forge: () => '{"journal":1,' },
      { what: 'JSON of something else', forge: () => null },
      { what: 'an unknown version', forge: (header) => ({ ...header, journal: 2 }) },
      { what: 'another length than the file has', forge: (header) => ({ ...header, size: CONTENT.length + 1 }) },
      { what: 'no length', forge: (header) => ({ ...header, size: undefined }) },
      { what: 'an empty length', forge: (header) => ({ ...header, size: 0 }) },
      { what: 'a negative length', forge: (header) => ({ ...header, size: -CONTENT.length }) },
      { what: 'a length beyond all numbers', forge: (header) => ({ ...header, size: 1e300 }) },
      { what: 'a length in words', forge: (header) => ({ ...header, size: String(CONTENT.length) }) },
      { what: 'an unknown digest', forge: (header) => ({ ...header, algorithm: 'md5' }) },
      { what: 'a time that no calendar has', forge: (header) => ({ ...header, modified: 1e300 }) },
      { what: 'a time in parts of a millisecond', forge: (header) => ({ ...header, modified: 0.5 }) },
      { what: 'an owner that is none', forge: (header) => ({ ...header, owner: 1 }) },
      { what: 'an owner without a number', forge: (header) => ({ ...header, owner: { host: '', boot: '' } }) },
    ];
    for (const { what, forge } of FORGERIES)
      it(`is not read: ${what}`, async (test) => {
        const { file, handle } = await newPart(test, 2);
        await forgeJournal(file, forge);
        assert.equal(await PartJournal.read(handle), undefined);
      });

    it('is not read where the file ends elsewhere', async (test) => {
      const { file, handle } = await newPart(test, 2);
      const { size } = await stat(file);
      for (const length of [size + 1, size - 1, CONTENT.length, 1023, 0]) {
        await truncate(file, length);
        assert.equal(await PartJournal.read(handle), undefined);
      }
    });
  });
});
