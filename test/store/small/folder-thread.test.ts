import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BLOCK_BYTES } from '../../../lib/protocol/block.ts';
import { LocalFolderStore } from '../../../lib/store/local-folder.ts';
import { keptName } from '../../../lib/store/part-names.ts';
import { FolderThread, folderThread } from '../../../lib/store/small/folder-thread.ts';
import { Valve } from '../../../lib/streams/valve.ts';
import { fromChunks } from '../../../lib/streams/from-chunks.ts';
import { pump } from '../../../lib/streams/pump.ts';
import { bytesOf, valuesOf } from '../../helpers/collect.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { leavePart } from '../../helpers/kept-part.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

const run = promisify(execFile);

const skip = process.platform !== 'linux' && 'the thread needs /proc';

/** Asks until the thread does what it is asked. */
const running = async (thread: FolderThread, root: string): Promise<void> => {
  while ((await thread.do('entries', { root, names: [] }, { of: [] })) === undefined) await sleep(1);
};

/** A store whose small files are the thread's. */
const storeWithThread = async (test: TestContext) => {
  const root = await temporaryFolder(test);
  await running(folderThread, root);
  return { root, store: await LocalFolderStore.open(root) };
};

const put = async (store: LocalFolderStore, name: string, text: string, replace = true): Promise<void> => {
  const part = await store.begin([name], { size: text.length, fsync: false, replace });
  try {
    await valuesOf(pump(fromChunks([Buffer.from(text)]), part.content));
    await part.commit();
  } finally {
    await part.discard();
  }
};

describe('the thread for small files', { skip }, () => {
  it('starts when jobs are many, and ends when there are none', async (test) => {
    const root = await temporaryFolder(test);
    const thread = new FolderThread({ worthAfter: 3, idleMs: 100 });
    const ask = () => thread.do('entries', { root, names: [] }, { of: [] });
    assert.equal(await ask(), undefined);
    await running(thread, root);
    assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [[], [], []]);
    // Each question begins the rest anew.
    while ((await ask()) !== undefined) await sleep(200);
    await running(thread, root);
  });

  it('starts in a program that is given on the command line', async (test) => {
    const root = await temporaryFolder(test);
    const module = new URL('../../../lib/store/small/folder-thread.js', import.meta.url).href;
    const program = `
      import { FolderThread } from ${JSON.stringify(module)};
      const thread = new FolderThread({ worthAfter: 1 });
      const ask = () => thread.do('entries', { root: ${JSON.stringify(root)}, names: [] }, { of: [] });
      while ((await ask()) === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
      process.exit(0);
    `;
    await run(process.execPath, ['--input-type=module', '--eval', program], { timeout: 20_000 });
  });

  it('does many jobs at a time, each for itself', async (test) => {
    const { root, store } = await storeWithThread(test);
    const names = Array.from({ length: 500 }, (_, index) => `file ${index}`);
    const write = (...path: string[]) =>
      store.writeSmall([{ path, bytes: Buffer.from(path.join('/')) }], { fsync: false });
    assert.deepEqual(
      (await Promise.all(names.map((name) => write(name)))).flat(),
      names.map(() => true),
    );
    assert.deepEqual(await write('none', 'file'), [false]);
    const texts = await Promise.all(names.map((name) => readFile(join(root, name), 'utf8')));
    assert.deepEqual(texts, names);
    const files = await Promise.all(names.map((name) => store.open([name])));
    assert.deepEqual(await Promise.all(files.map(async (file) => (await bytesOf(file.content())).toString())), names);
    assert.equal((await readdir(root)).length, names.length);
  });

  it('writes many files together, whatever folders they are in, and forgets what older tries have left', async (test) => {
    const { root, store } = await storeWithThread(test);
    for (const folder of ['a', 'b']) await mkdir(join(root, folder));
    await leavePart(join(root, 'b'), '2', Buffer.alloc(2 * BLOCK_BYTES), { bytes: BLOCK_BYTES });
    const paths = ['0', 'a/1', 'b/2', 'a/3', '4', 'none/5', 'b/6'].map((path) => path.split('/'));
    const files = paths.map((path) => ({ path, bytes: Buffer.from(path.join('/')) }));
    const written = await store.writeSmall(files, { fsync: false });
    assert.deepEqual(written, [true, true, true, true, true, false, true]);
    for (const path of paths.filter((_, index) => written[index]))
      assert.equal(await readFile(join(root, ...path), 'utf8'), path.join('/'));
    assert.deepEqual((await readdir(join(root, 'b'))).sort(), ['2', '6']);
  });

  it('is not brought down by however much is asked at a time', async (test) => {
    const { root, store } = await storeWithThread(test);
    const bytes = Buffer.from('x');
    const name = '漢'.repeat(80);
    // Enough that the text of all of it at one go would not fit into the thread's memory.
    const asked = Array.from({ length: 80 }, (_, folder) =>
      store.writeSmall(
        Array.from({ length: 3000 }, (_, index) => ({ path: ['none', `${folder} ${index} ${name}`], bytes })),
        { fsync: false },
      ),
    );
    const entries = await folderThread.do('entries', { root, names: [] }, { of: [] });
    assert.deepEqual(entries, []);
    assert.ok((await Promise.all(asked)).flat().every((isWritten) => !isWritten));
    await put(store, 'after', 'it');
    assert.ok((await folderThread.do('hasKept', { root, names: [] }, { name: 'after' })) === false);
  });

  it('lists a folder, be it small or large, without part files', async (test) => {
    const { root, store } = await storeWithThread(test);
    const listed = async () => {
      const found: string[] = [];
      for await (const { name } of store.list([])) found.push(name);
      return found.sort();
    };
    await writeFile(join(root, keptName('gone')), '');
    const names = Array.from({ length: 300 }, (_, index) => `file ${index}`).sort();
    for (const count of [0, 10, 256, 300]) {
      for (const name of names.slice(0, count)) await writeFile(join(root, name), '');
      assert.deepEqual(await listed(), names.slice(0, count));
    }
  });

  it('leaves the old file as it is until a part is committed', async (test) => {
    const { root, store } = await storeWithThread(test);
    await writeFile(join(root, 'file'), 'old');
    const valve = new Valve();
    const part = await store.begin(['file'], { size: 3 });
    await valuesOf(fromChunks([Buffer.from('new')])(valve.open$).pipe(part.content(valve)));
    assert.deepEqual([await readFile(join(root, 'file'), 'utf8'), await readdir(root)], ['old', ['file']]);
    assert.ok(valve.held > 0);
    await part.suspend();
    assert.equal(valve.held, 0);
    await put(store, 'file', 'new');
    assert.equal(await readFile(join(root, 'file'), 'utf8'), 'new');
  });

  it('is no way around what is refused', async (test) => {
    const { root, store } = await storeWithThread(test);
    const outside = await temporaryFolder(test);
    await writeFile(join(root, 'file'), 'mine');
    await symlink(outside, join(root, 'out'));
    await assert.rejects(put(store, 'file', 'new', false), { code: 'EXISTS' });
    await assert.rejects(put(store, 'out', 'new'), { code: 'PATH_OUTSIDE_ROOT' });
    const paths = [['out', 'file'], [], ['new'], ['file', 'below']];
    const written = await store.writeSmall(
      paths.map((path) => ({ path, bytes: Buffer.from('x') })),
      {},
    );
    assert.deepEqual(written, [false, false, true, false]);
    await assert.rejects(store.stat(['nowhere']), { code: 'NOT_FOUND' });
    assert.deepEqual([await readFile(join(root, 'file'), 'utf8'), await readdir(outside)], ['mine', []]);
  });
});
