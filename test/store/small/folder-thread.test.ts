import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LocalFolderStore } from '../../../lib/store/local-folder.ts';
import { keptName } from '../../../lib/store/part-names.ts';
import { FolderThread, folderThread } from '../../../lib/store/small/folder-thread.ts';
import { Valve } from '../../../lib/streams/valve.ts';
import { fromChunks } from '../../../lib/streams/from-chunks.ts';
import { pump } from '../../../lib/streams/pump.ts';
import { bytesOf, valuesOf } from '../../helpers/collect.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
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
    await Promise.all(names.map((name) => store.writeSmall([name], Buffer.from(name), { fsync: false })));
    const failed = store.writeSmall(['none', 'file'], Buffer.from('text'), { fsync: false });
    await assert.rejects(failed, { code: 'NOT_FOUND' });
    const texts = await Promise.all(names.map((name) => readFile(join(root, name), 'utf8')));
    assert.deepEqual(texts, names);
    const files = await Promise.all(names.map((name) => store.open([name])));
    assert.deepEqual(await Promise.all(files.map(async (file) => (await bytesOf(file.content())).toString())), names);
    assert.equal((await readdir(root)).length, names.length);
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
    await assert.rejects(store.writeSmall(['out', 'file'], Buffer.from('x'), {}), { code: 'PATH_OUTSIDE_ROOT' });
    await assert.rejects(store.writeSmall([], Buffer.from('x'), {}), { code: 'NOT_A_FILE' });
    await assert.rejects(store.stat(['nowhere']), { code: 'NOT_FOUND' });
    assert.deepEqual([await readFile(join(root, 'file'), 'utf8'), await readdir(outside)], ['mine', []]);
  });
});
