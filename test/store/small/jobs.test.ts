import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { SMALL_FILE_BYTES } from '../../../lib/protocol/block.ts';
import { keptName } from '../../../lib/store/part-names.ts';
import {
  type FolderJob,
  type JobAsks,
  type JobFolder,
  type JobGives,
  type JobType,
  type NewFile,
  type WriteOptions,
  doJobs,
} from '../../../lib/store/small/jobs.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

/** A root with a file, and a folder and a file outside of it that links lead to. */
const world = async (test: TestContext) => {
  const base = await temporaryFolder(test);
  const root = join(base, 'root');
  const outside = join(base, 'outside');
  await mkdir(join(root, 'pub'), { recursive: true });
  await mkdir(outside);
  await writeFile(join(root, 'pub', 'file'), 'mine', { mode: 0o640 });
  await writeFile(join(outside, 'file'), 'secret');
  await symlink(outside, join(root, 'out'));
  await symlink(join(outside, 'file'), join(root, 'pub', 'link'));
  const doJob = <T extends JobType>(type: T, asks: JobAsks<T>, names: readonly string[] = ['pub']) =>
    doJobs([{ type, folder: { root, names }, ...asks } as FolderJob])[0] as JobGives<T> | undefined;
  return { root, outside, doJob, at: (...names: string[]) => join(root, 'pub', ...names) };
};

/** What writes a file whose content is a text. */
const file = (
  name: string,
  text: string,
  { replace = true, fsync = false, ...rest }: Partial<WriteOptions & NewFile> = {},
): JobAsks<'write'> => ({
  files: [{ ...rest, name, size: text.length }],
  bytes: Buffer.from(text),
  replace,
  fsync,
});

describe('jobs in folders', () => {
  it('write a file with its time and permissions, and leave nothing beside it', async (test) => {
    const { doJob, at } = await world(test);
    const written = doJob('write', file('new', 'text', { mode: 0o606, modified: -86_400_000, fsync: true }));
    assert.deepEqual(written, ['written']);
    assert.equal(await readFile(at('new'), 'utf8'), 'text');
    const stats = await stat(at('new'));
    assert.equal(stats.mode & 0o777, 0o606);
    assert.equal(stats.mtimeMs, -86_400_000);
    assert.deepEqual((await readdir(at())).sort(), ['file', 'link', 'new']);
  });

  it('replace a file and keep its permissions', async (test) => {
    const { doJob, at } = await world(test);
    assert.deepEqual(doJob('write', file('file', 'newer')), ['written']);
    assert.equal(await readFile(at('file'), 'utf8'), 'newer');
    assert.equal((await stat(at('file'))).mode & 0o777, 0o640);
  });

  it('leave undone what would replace a file against its will, or anything that is no file', async (test) => {
    const { doJob, at, outside } = await world(test);
    await mkdir(at('folder'));
    assert.deepEqual(doJob('write', file('file', 'newer', { replace: false })), ['undone']);
    for (const name of ['folder', 'link']) {
      assert.equal(doJob('check', { name }), undefined);
      assert.deepEqual(doJob('write', file(name, 'newer')), ['undone']);
    }
    assert.equal(await readFile(at('file'), 'utf8'), 'mine');
    assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'secret');
    assert.deepEqual((await readdir(at())).sort(), ['file', 'folder', 'link']);
  });

  it('say that an older try at the file has left a part', async (test) => {
    const { doJob, at } = await world(test);
    await writeFile(at(keptName('file')), 'half');
    assert.deepEqual(doJob('write', file('file', 'newer')), ['kept']);
  });

  it('make a folder unless it is there, and nothing where something else is', async (test) => {
    const { doJob, at, outside, root } = await world(test);
    for (let time = 0; time < 2; time += 1) assert.equal(doJob('ensureFolder', { name: 'new' }), true);
    assert.ok((await stat(at('new'))).isDirectory());
    assert.equal(doJob('ensureFolder', { name: 'file' }), undefined);
    assert.equal(doJob('ensureFolder', { name: 'out' }, []), undefined);
    assert.equal(doJob('ensureFolder', { name: 'new' }, ['out']), undefined);
    assert.deepEqual([await readdir(outside), (await readdir(root)).sort()], [['file'], ['out', 'pub']]);
  });

  for (const others of [1, 300])
    it(`write several files, each for itself, beside ${others} others`, async (test) => {
      const { doJob, at, outside } = await world(test);
      for (let index = 0; index < others; index += 1) await writeFile(at(`other-${index}`), '');
      for (const name of ['b', 'file']) await writeFile(at(keptName(name)), 'half');
      await mkdir(at('folder'));
      const names = ['a', 'b', 'folder', 'file', 'link', 'c'];
      const files = names.map((name) => ({ name, size: `new ${name}`.length }));
      const bytes = Buffer.from(names.map((name) => `new ${name}`).join(''));
      const results = doJob('write', { files, bytes, replace: true, fsync: true });
      assert.deepEqual(results, ['written', 'kept', 'undone', 'kept', 'undone', 'written']);
      for (const name of ['a', 'b', 'file', 'c']) assert.equal(await readFile(at(name), 'utf8'), `new ${name}`);
      assert.equal((await stat(at('file'))).mode & 0o777, 0o640);
      assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'secret');
    });

  it('do nothing in a folder that leads out of the root, or that is not there', async (test) => {
    const { doJob, outside } = await world(test);
    for (const names of [['out'], ['nowhere']]) {
      assert.equal(doJob('write', file('new', 'text'), names), undefined);
      assert.equal(doJob('open', { name: 'file' }, names), undefined);
      assert.equal(doJob('check', { name: 'new' }, names), undefined);
      assert.equal(doJob('entries', { of: ['file'] }, names), undefined);
    }
    assert.deepEqual(await readdir(outside), ['file']);
  });

  it('are done in as many folders as there are', async (test) => {
    const { root } = await world(test);
    const folders = Array.from({ length: 40 }, (_, index) => `folder ${index}`);
    for (const name of folders) await mkdir(join(root, name));
    const jobs = [...folders, ...folders].map((name, index) => ({
      type: 'write' as const,
      folder: { root, names: [name] },
      ...file(`${index}`, name),
    }));
    const open = (await readdir('/proc/self/fd')).length;
    for (const result of doJobs(jobs)) assert.deepEqual(result, ['written']);
    for (const [index, name] of folders.entries()) {
      assert.deepEqual((await readdir(join(root, name))).sort(), [`${index}`, `${index + 40}`].sort());
      assert.equal(await readFile(join(root, name, `${index}`), 'utf8'), name);
    }
    assert.equal((await readdir('/proc/self/fd')).length, open);
  });

  it('are checked for each store, though one root may be inside of another', async (test) => {
    const { root } = await world(test);
    await mkdir(join(root, 'private'));
    await writeFile(join(root, 'private', 'file'), 'secret');
    await symlink(join(root, 'private'), join(root, 'pub', 'in'));
    const read = (folder: JobFolder): FolderJob => ({ type: 'open', folder, name: 'file' });
    const [outer, inner] = doJobs([
      read({ root, names: ['pub', 'in'] }),
      read({ root: join(root, 'pub'), names: ['in'] }),
    ]) as (JobGives<'open'> | undefined)[];
    assert.equal(outer?.bytes.toString(), 'secret');
    assert.equal(inner, undefined);
  });

  it('open a small file, and no other', async (test) => {
    const { doJob, at } = await world(test);
    await writeFile(at('largest'), Buffer.alloc(SMALL_FILE_BYTES, 7));
    await writeFile(at('larger'), Buffer.alloc(SMALL_FILE_BYTES + 1));
    await writeFile(at('empty'), '');
    const opened = doJob('open', { name: 'file' });
    assert.equal(opened?.bytes.toString(), 'mine');
    assert.equal(opened.entry.size, 4);
    assert.equal(doJob('open', { name: 'largest' })?.bytes.length, SMALL_FILE_BYTES);
    assert.equal(doJob('open', { name: 'empty' })?.bytes.length, 0);
    for (const name of ['larger', 'link', '.', 'nowhere']) assert.equal(doJob('open', { name }), undefined, name);
  });

  it('read files together, but for those that are not as they were said to be', async (test) => {
    const { doJob, at } = await world(test);
    await writeFile(at('other'), 'yours');
    await writeFile(at('empty'), '');
    const sizes: [string, number][] = [
      ['file', 4],
      ['gone', 3],
      ['link', 6],
      ['empty', 0],
      ['file', 3],
      ['other', 5],
      ['other', 6],
    ];
    const read = doJob('read', { files: sizes.map(([name, size]) => ({ name, size })) });
    assert.deepEqual(read?.isRead, [true, false, false, true, false, true, false]);
    assert.equal(read.bytes.subarray(0, 9).toString(), 'mineyours');
  });

  it('give the entries of names that are there', async (test) => {
    const { doJob } = await world(test);
    const entries = doJob('entries', { of: ['file', 'gone', 'link'] });
    assert.deepEqual(
      entries?.map(({ name, kind }) => [name, kind]),
      [
        ['file', 'file'],
        ['link', 'link'],
      ],
    );
  });

  it('list a folder, if it is small enough and inside the root', async (test) => {
    const { doJob, at } = await world(test);
    await writeFile(at(keptName('file')), '');
    const namesIn = (...asks: [atMost: number, folder?: string[]]) =>
      doJob('list', { atMost: asks[0] }, asks[1])
        ?.entries.map(({ name }) => name)
        .sort();
    assert.deepEqual(namesIn(3), [keptName('file'), 'file', 'link']);
    assert.deepEqual([namesIn(2), namesIn(3, ['out']), namesIn(3, ['gone'])], [undefined, undefined, undefined]);
  });
});
