import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { type Entry, FileError, LocalFolderStore, Valve } from '../../lib/index.ts';
import { type FromTreeOptions, fromTree } from '../../lib/transfer/from-tree.ts';
import type { TreeItem } from '../../lib/transfer/tree.ts';
import { bytesOf, settled, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type TreeFiles, makeTree } from '../helpers/tree.ts';

checkLeaks();

const storeWith = async (test: TestContext, files: TreeFiles) => {
  const root = await temporaryFolder(test);
  await mkdir(join(root, 'tree'));
  await makeTree(join(root, 'tree'), files);
  return { root: join(root, 'tree'), store: await LocalFolderStore.open(root) };
};

const itemsOf = (store: Parameters<typeof fromTree>[0], options?: FromTreeOptions) =>
  valuesOf(fromTree(store, ['tree'], options)(new Valve()));

const shown = (item: TreeItem): string =>
  `${item.kind} ${item.path.join('/')}${item.kind === 'failed' ? ` ${item.error.code}` : ''}`;

describe('fromTree', () => {
  it('gives folders before what is in them, and files with their facts and content', async (test) => {
    const { store } = await storeWith(test, { 'a.txt': 'hello', 'sub/deep/b': 'b', 'empty/': '' });
    const items = await itemsOf(store);
    assert.deepEqual(items.map(shown).sort(), [
      'file a.txt',
      'file sub/deep/b',
      'folder empty',
      'folder sub',
      'folder sub/deep',
    ]);
    for (const { path } of items)
      for (let length = 1; length < path.length; length += 1) {
        const isAround = (item: TreeItem) => item.path.join('/') === path.slice(0, length).join('/');
        assert.ok(items.findIndex(isAround) < items.findIndex((item) => item.path === path));
      }
    const file = items.find((item) => item.kind === 'file' && item.path.length === 1);
    assert.ok(file?.kind === 'file');
    assert.equal(file.size, 5);
    assert.equal((await bytesOf(file.content)).toString(), 'hello');
  });

  it('tells of links, and of files that may not be read just now', async (test) => {
    const { root, store } = await storeWith(test, { busy: 'x', free: 'x' });
    await symlink('free', join(root, 'link'));
    const assertFree = (path: readonly string[]) => {
      if (path.at(-1) === 'busy') throw new FileError('BUSY', 'is being uploaded');
    };
    const items = await itemsOf(store, { assertFree });
    assert.deepEqual(items.map(shown).sort(), ['failed busy BUSY', 'failed link UNSUPPORTED', 'file free']);
  });

  it('tells of names that no path can carry, where they stand', async (test) => {
    const { store } = await storeWith(test, { good: 'a', 'sub/back\\slash': 'b', 'tab\t/inside': 'c' });
    const latin = Buffer.concat([Buffer.from(`${store.root}/tree/bad`), Buffer.from([0xff])]);
    await writeFile(latin, 'd');
    assert.deepEqual((await itemsOf(store)).map(shown).sort(), [
      'failed bad\uFFFD PATH_INVALID',
      'failed sub/back\uFFFDslash PATH_INVALID',
      'failed tab\uFFFD PATH_INVALID',
      'file good',
      'folder sub',
    ]);
  });

  it('leaves out files that are not wanted, and no folder', async (test) => {
    const { store } = await storeWith(test, { a: 'a', b: 'b', 'sub/a': 'a' });
    const asked: string[] = [];
    const wanted = (folder: readonly string[]) => {
      asked.push(folder.join('/'));
      return Promise.resolve(({ name }: Entry) => name !== 'a');
    };
    assert.deepEqual((await itemsOf(store, { wanted })).map(shown).sort(), ['file b', 'folder sub']);
    assert.deepEqual(asked, ['', 'sub']);
  });

  it('goes on behind a folder that cannot be listed, unless that is the tree’s own or means that all is over', async (test) => {
    const { store } = await storeWith(test, { 'closed/a': 'a', 'open/b': 'b' });
    const closed = (name: string) => ({
      open: (path: readonly string[]) => store.open(path),
      list: async function* (path: readonly string[]) {
        if (path.at(-1) === name) throw new FileError('PERMISSION_DENIED', 'closed');
        yield* store.list(path);
      },
    });
    assert.deepEqual((await itemsOf(closed('closed'))).map(shown).sort(), [
      'failed closed PERMISSION_DENIED',
      'file open/b',
      'folder closed',
      'folder open',
    ]);
    await assert.rejects(itemsOf(closed('tree')), { code: 'PERMISSION_DENIED' });
    await assert.rejects(itemsOf(closed('closed'), { isFatal: () => true }), { code: 'PERMISSION_DENIED' });
  });

  it('reads on only while its taker is not full, and opens no file before it is taken', async (test) => {
    const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`${index}`, 'x']));
    const { store } = await storeWith(test, files);
    let opened = 0;
    const counted = {
      list: (path: readonly string[]) => store.list(path),
      open: (path: readonly string[]) => ((opened += 1), store.open(path)),
    };
    const valve = new Valve({ high: 10 });
    let taken = 0;
    const running = fromTree(counted, ['tree'])(valve).subscribe({
      next: () => {
        taken += 1;
        valve.hold(1);
      },
      error: unexpected,
    });
    await until(() => taken === 10);
    assert.equal(await settled(() => taken), 10);
    valve.release(10);
    await until(() => taken === 20);
    running.unsubscribe();
    await turns();
    assert.deepEqual([taken, opened], [20, 0]);
  });
});
