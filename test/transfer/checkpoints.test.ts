import assert from 'node:assert/strict';
import { truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { NEVER } from 'rxjs';
import { LocalFolderStore, type OpenFile } from '../../lib/index.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import type { Checkpoint } from '../../lib/store/checkpoint.ts';
import { toNothing } from '../../lib/streams/to-nothing.ts';
import { pumpWithin } from '../../lib/streams/pump.ts';
import { assertSameContent, contentBehind, findLeftover, keepable } from '../../lib/transfer/checkpoints.ts';
import { bytesOf, pattern, valuesOf } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, checkpointAt, corrupt, scatteredAt } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { stubStore } from '../helpers/stub-store.ts';

checkLeaks();

const CONTENT = pattern(3 * BLOCK_BYTES + 1000);
const HAVE = checkpointAt(CONTENT, 2 * BLOCK_BYTES);

/** The content as an open file, changed before it is opened as a test wants. */
const openFile = async (test: TestContext, change: (path: string) => Promise<void> = () => Promise.resolve()) => {
  const root = await temporaryFolder(test);
  const path = join(root, 'file');
  await writeFile(path, CONTENT);
  await change(path);
  await utimes(path, MODIFIED / 1000, MODIFIED / 1000);
  const file = await (await LocalFolderStore.open(root)).open(['file']);
  test.after(() => file.close());
  return file;
};

/** A file that tells which of its bytes are read. */
const watchReads = (file: OpenFile) => {
  const reads: (readonly [number, number])[] = [];
  const content = (start = 0, end = file.entry.size) => {
    reads.push([start, end]);
    return file.content(start, end);
  };
  return { reads, file: { ...file, entry: file.entry, content, close: () => file.close() } };
};

describe('assertSameContent', () => {
  it('takes whole blocks of the file, and all of it', async (test) => {
    const file = await openFile(test);
    for (const offset of [BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES, CONTENT.length])
      await assertSameContent(file, checkpointAt(CONTENT, offset));
  });

  it('reads the last block before the offset and nothing else', async (test) => {
    const { reads, file } = watchReads(await openFile(test));
    await assertSameContent(file, checkpointAt(CONTENT, 3 * BLOCK_BYTES));
    await assertSameContent(file, checkpointAt(CONTENT, CONTENT.length));
    assert.deepEqual(reads, [
      [2 * BLOCK_BYTES, 3 * BLOCK_BYTES],
      [3 * BLOCK_BYTES, CONTENT.length],
    ]);
  });

  const first = HAVE.runs[0] ?? assert.fail();
  const run = (lie: Partial<typeof first>) => ({ runs: [{ ...first, ...lie }] });
  const LIES: Readonly<Record<string, Partial<Checkpoint>>> = {
    'another length': { size: CONTENT.length + 1 },
    'another time': { modified: MODIFIED + 1 },
    'no run at all': { runs: [] },
    'a run that ends at 0': run({ end: 0 }),
    'a run that ends before 0': run({ end: -BLOCK_BYTES }),
    'a run that ends inside a block': run({ end: 2 * BLOCK_BYTES + 1 }),
    'a run that ends behind the end': run({ end: 4 * BLOCK_BYTES }),
    'a run to the largest number there is': run({ end: Number.MAX_SAFE_INTEGER }),
    'a run to no number': run({ end: Number.NaN }),
    'a run to half a byte': run({ end: BLOCK_BYTES + 0.5 }),
    'a run that begins inside a block': run({ offset: 1 }),
    'a run that begins before 0': run({ offset: -BLOCK_BYTES }),
    'a run without a block': run({ offset: 2 * BLOCK_BYTES }),
    'runs that overlap': { runs: [first, { ...first, offset: BLOCK_BYTES }] },
    'runs in another order': scatteredAt(CONTENT, [
      [3 * BLOCK_BYTES, CONTENT.length],
      [0, BLOCK_BYTES],
    ]),
    'the digest of another block': run({ digest: checkpointAt(CONTENT, BLOCK_BYTES).runs[0]?.digest ?? '' }),
    'no digest': run({ digest: '' }),
    'another algorithm': { algorithm: 'blake3' },
    'an algorithm that nobody knows': { algorithm: 'md5' as never },
  };
  for (const [what, lie] of Object.entries(LIES))
    it(`refuses ${what}, and reads at most the one block`, async (test) => {
      const { reads, file } = watchReads(await openFile(test));
      await failsWith('OFFSET_MISMATCH', assertSameContent(file, { ...HAVE, ...lie }));
      assert.ok(reads.length <= 1);
      assert.ok(reads.every(([start, end]) => end - start <= BLOCK_BYTES));
    });

  it('reads the last block of each run', async (test) => {
    const { reads, file } = watchReads(await openFile(test));
    const have = scatteredAt(CONTENT, [
      [0, BLOCK_BYTES],
      [2 * BLOCK_BYTES, CONTENT.length],
    ]);
    await assertSameContent(file, have);
    assert.deepEqual(reads, [
      [0, BLOCK_BYTES],
      [3 * BLOCK_BYTES, CONTENT.length],
    ]);
    const other = await openFile(test, (path) => corrupt(path, 3 * BLOCK_BYTES));
    await failsWith('OFFSET_MISMATCH', assertSameContent(other, have));
  });

  it('refuses a file with another last block, and overlooks what is before it', async (test) => {
    const last = await openFile(test, (path) => corrupt(path, 2 * BLOCK_BYTES - 1));
    await failsWith('OFFSET_MISMATCH', assertSameContent(last, HAVE));
    await assertSameContent(await openFile(test, (path) => corrupt(path, 0)), HAVE);
  });
});

describe('contentBehind', () => {
  for (const isLent of [false, true])
    it(`is the rest of the file${isLent ? ', also where its memory is lent' : ''}`, async (test) => {
      const source = contentBehind(await openFile(test), HAVE);
      if (!isLent) assert.ok((await bytesOf(source)).equals(CONTENT.subarray(2 * BLOCK_BYTES)));
      else {
        const progress = await valuesOf(pumpWithin({ lend: true })(source, toNothing()));
        assert.equal(progress.at(-1)?.bytes, CONTENT.length - 2 * BLOCK_BYTES);
      }
    });

  it('is nothing where all is there', async (test) => {
    const source = contentBehind(await openFile(test), checkpointAt(CONTENT, CONTENT.length));
    assert.equal((await bytesOf(source)).length, 0);
  });

  it('gives no byte of a file that is another one', async (test) => {
    const source = contentBehind(await openFile(test, (path) => truncate(path, 2 * BLOCK_BYTES)), HAVE);
    await failsWith('OFFSET_MISMATCH', bytesOf(source));
  });
});

describe('findLeftover', () => {
  const content = { size: HAVE.size, modified: HAVE.modified, algorithm: HAVE.algorithm };
  const storeWith = (kept: Checkpoint | undefined) => ({ ...stubStore({}), kept: () => Promise.resolve(kept) });

  it('is what the store has of the same content', async () => {
    assert.deepEqual(await findLeftover(storeWith(HAVE), ['file'], content), { have: HAVE });
  });

  it('tells how much is dropped where the store has another content', async () => {
    for (const other of [{ size: HAVE.size + 1 }, { modified: HAVE.modified + 1 }])
      assert.deepEqual(await findLeftover(storeWith({ ...HAVE, ...other }), ['file'], content), {
        dropped: 2 * BLOCK_BYTES,
      });
  });

  it('is nothing where the store has nothing, keeps nothing, or has digests of another kind', async () => {
    for (const kept of [undefined, { ...HAVE, algorithm: 'blake3' } as const])
      assert.deepEqual(await findLeftover(storeWith(kept), ['file'], content), {});
    assert.deepEqual(await findLeftover(stubStore({}), ['file'], content), {});
  });
});

describe('keepable', () => {
  const blocks = { algorithm: 'sha256', digest$: NEVER } as const;

  it('is a content of known length and time', () => {
    assert.deepEqual(keepable({ size: 0, modified: 0 }, blocks), { size: 0, modified: 0, ...blocks });
    assert.equal(keepable({ size: 1 }, blocks), undefined);
    assert.equal(keepable({ modified: 1 }, blocks), undefined);
  });
});
