import assert from 'node:assert/strict';
import { appendFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { LocalFolderStore } from '../../lib/store/local-folder.ts';
import { bytesOf, pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** A file of a store, opened; closed when the test ends. */
const opened = async (test: TestContext, content: Buffer) => {
  const root = await temporaryFolder(test);
  const path = join(root, 'file');
  await writeFile(path, content);
  await utimes(path, 1000, 1000);
  const store = await LocalFolderStore.open(root);
  const file = await store.open(['file']);
  test.after(() => file.close());
  return { path, file };
};

describe('LocalFile', () => {
  it('tells what it is', async (test) => {
    const { file } = await opened(test, pattern(100));
    const { name, kind, size, modified } = file.entry;
    assert.deepEqual({ name, kind, size, modified }, { name: 'file', kind: 'file', size: 100, modified: 1_000_000 });
  });

  for (const size of [0, 1, 1_500_000])
    it(`gives all of its ${size} bytes`, async (test) => {
      const content = pattern(size);
      const { file } = await opened(test, content);
      assert.ok((await bytesOf(file.content())).equals(content));
    });

  it('errors when it grew after it was opened', async (test) => {
    const { path, file } = await opened(test, pattern(100));
    await appendFile(path, 'more');
    await assert.rejects(bytesOf(file.content()), { code: 'SOURCE_CHANGED', message: /100.*104/ });
  });

  it('errors when it shrank after it was opened', async (test) => {
    const { path, file } = await opened(test, pattern(100));
    await truncate(path, 50);
    await assert.rejects(bytesOf(file.content()), { code: 'SOURCE_CHANGED' });
  });

  it('errors when it was written to without a change of its size', async (test) => {
    const { path, file } = await opened(test, pattern(100));
    await writeFile(path, pattern(100));
    await assert.rejects(bytesOf(file.content()), { code: 'SOURCE_CHANGED' });
  });

  it('errors also when an empty file got its first byte', async (test) => {
    const { path, file } = await opened(test, Buffer.alloc(0));
    await appendFile(path, 'x');
    await assert.rejects(bytesOf(file.content()), { code: 'SOURCE_CHANGED' });
  });
});
