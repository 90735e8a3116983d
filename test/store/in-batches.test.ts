import assert from 'node:assert/strict';
import { opendir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from '../../lib/protocol/entry.ts';
import { inBatches } from '../../lib/store/in-batches.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { until } from '../helpers/raw-peer.ts';

checkLeaks();

const entryOf = (name: string): Entry => ({ name, kind: 'file', size: 0, modified: 0, mode: 0o644 });

const openFolder = async (test: TestContext, files: number) => {
  const root = await temporaryFolder(test);
  const names = Array.from({ length: files }, (_, index) => `file ${index}`);
  for (const name of names) await writeFile(join(root, name), '');
  return { folder: await opendir(root), names: names.sort() };
};

describe('inBatches', () => {
  for (const files of [0, 1, 256, 700])
    it(`gives the entry of each of ${files} names once, and closes the folder`, async (test) => {
      const { folder, names } = await openFolder(test, files);
      const found: string[] = [];
      for await (const entries of inBatches(folder, (batch) => Promise.resolve(batch.map(entryOf))))
        found.push(...entries.map(({ name }) => name));
      assert.deepEqual(found.sort(), names);
      await assert.rejects(folder.close(), { code: 'ERR_DIR_CLOSED' });
    });

  it('gives the first entry alone, with nothing looked up ahead of it, and then two batches', async (test) => {
    const { folder } = await openFolder(test, 1200);
    let asked = 0;
    const entries = inBatches(folder, (batch) => Promise.resolve(((asked += 1), batch.map(entryOf))));
    for (const [expected, given] of [
      [1, 1],
      [3, 255],
      [4, 256],
    ] as const) {
      assert.equal(((await entries.next()).value as Entry[]).length, given);
      await until('batches', () => asked >= expected);
      await sleep(50);
      assert.equal(asked, expected);
    }
    await entries.return(undefined);
    await assert.rejects(folder.close(), { code: 'ERR_DIR_CLOSED' });
  });

  it('goes on behind a batch of which nothing is left', async (test) => {
    const { folder } = await openFolder(test, 600);
    let asked = 0;
    const lookUp = (batch: string[]) => Promise.resolve((asked += 1) === 1 ? [] : batch.map(entryOf));
    let given = 0;
    for await (const { length } of inBatches(folder, lookUp)) given += length;
    assert.equal(given, 600 - 256);
  });

  it('tells of a failure when its turn has come', async (test) => {
    const { folder } = await openFolder(test, 700);
    const failure = new Error('bad sector');
    let asked = 0;
    const lookUp = (batch: string[]) =>
      (asked += 1) === 2 ? Promise.reject(failure) : Promise.resolve(batch.map(entryOf));
    let given = 0;
    const all = async () => {
      for await (const { length } of inBatches(folder, lookUp)) given += length;
    };
    await assert.rejects(all(), failure);
    assert.equal(given, 256);
    await assert.rejects(folder.close(), { code: 'ERR_DIR_CLOSED' });
  });
});
