import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NEVER, Subject, concat, defer, finalize, from, of, throwError } from 'rxjs';
import { ConnectionError, FileError, LocalFolderStore, UnsupportedError, Valve } from '../../lib/index.ts';
import { fromPull } from '../../lib/streams/from-pull.ts';
import { type ToTreeOptions, type WriteTreeFile, toTree } from '../../lib/transfer/to-tree.ts';
import type { TreeFile, TreeItem } from '../../lib/transfer/tree.ts';
import type { WriteSmallFiles } from '../../lib/transfer/write-small-files.ts';
import { settled, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const fileItem = (name: string, extra: Partial<TreeFile> = {}): TreeFile => ({
  kind: 'file',
  path: name.split('/'),
  size: 1,
  modified: 0,
  mode: 0o644,
  content: () => of(Buffer.from('x')),
  ...extra,
});

const folderItem = (name: string): TreeItem => ({ kind: 'folder', path: name.split('/') });

const start = async (test: TestContext) => {
  const root = await temporaryFolder(test);
  const store = await LocalFolderStore.open(root);
  const valve = new Valve();
  const run = (items: readonly TreeItem[], write: WriteTreeFile, options: Partial<ToTreeOptions> = {}) =>
    valuesOf(from(items).pipe(toTree(store, ['tree'], { write, ...options })(valve)));
  return { root, store, valve, run };
};

const done: WriteTreeFile = () => of({ bytes: 1 });

describe('toTree', () => {
  it('makes its own folder and those of the tree, each before anything in it is written', async (test) => {
    const { root, run, valve } = await start(test);
    const seen: string[][] = [];
    const write: WriteTreeFile = ({ path }) =>
      defer(async () => {
        seen.push(await readdir(join(root, 'tree', ...path.slice(0, -1))));
        return { bytes: 1 };
      });
    const counts = await run([folderItem('a'), fileItem('a/x'), folderItem('a/b'), fileItem('a/b/y')], write);
    assert.deepEqual(counts.at(-1), { files: 2, bytes: 2, skipped: 0, failed: 0 });
    assert.equal(seen.length, 2);
    assert.equal(valve.held, 0);
  });

  it('ends with a count also where there was nothing', async (test) => {
    const { run, root } = await start(test);
    assert.deepEqual(await run([], done), [{ files: 0, bytes: 0, skipped: 0, failed: 0 }]);
    assert.deepEqual(await readdir(root), ['tree']);
  });

  it('counts what fails, lets go of its content, and goes on', async (test) => {
    const { run, valve } = await start(test);
    const dropped: string[] = [];
    const drop = (name: string) => ({ drop: () => void dropped.push(name) });
    const error = new FileError('NO_SPACE', 'full');
    const write: WriteTreeFile = ({ path: [name] }) =>
      name === 'bad' ? throwError(() => error) : of(name === 'old' ? 'skipped' : { bytes: 1 });
    const items = [
      fileItem('bad', drop('bad')),
      fileItem('old', drop('old')),
      { kind: 'failed', path: ['gone'], error: new UnsupportedError('a link') } as const,
      fileItem('good', drop('good')),
    ];
    const counts = await run(items, write);
    assert.deepEqual(counts.at(-1), { files: 1, bytes: 1, skipped: 1, failed: 2 });
    assert.deepEqual(
      counts.flatMap(({ problem }) => (problem ? [`${problem.path.join('/')} ${problem.error.code}`] : [])),
      ['bad NO_SPACE', 'gone UNSUPPORTED'],
    );
    assert.deepEqual(dropped, ['bad', 'old']);
    assert.equal(valve.held, 0);
  });

  it('counts a folder that cannot be made, and fails whole where that is its own', async (test) => {
    const { root, store, run } = await start(test);
    await run([], done);
    await writeFile(join(root, 'tree', 'taken'), '');
    const counts = await run([folderItem('taken'), fileItem('good')], done);
    assert.deepEqual(counts.at(-1), { files: 1, bytes: 1, skipped: 0, failed: 1 });
    const into = toTree(store, ['tree', 'taken'], { write: done })(new Valve());
    await assert.rejects(valuesOf(of(fileItem('a')).pipe(into)), { code: 'EXISTS' });
  });

  it('fails whole with what it is told is fatal', async (test) => {
    const { run, valve } = await start(test);
    const write: WriteTreeFile = () => throwError(() => new ConnectionError('CLOSED_EARLY', 'lost'));
    const isFatal = (error: unknown) => error instanceof ConnectionError;
    await assert.rejects(run([fileItem('a'), fileItem('b')], write, { isFatal }), { code: 'CLOSED_EARLY' });
    assert.equal(valve.held, 0);
  });

  it('takes no more than the valve lets come, and goes on as files end', async (test) => {
    const { store, valve } = await start(test);
    const running: Subject<{ bytes: number }>[] = [];
    const write: WriteTreeFile = () => {
      const progress = new Subject<{ bytes: number }>();
      running.push(progress);
      return progress;
    };
    const endless = (async function* () {
      for (let index = 0; ; index += 1) yield await Promise.resolve(fileItem(`${index}`, { size: 1000 }));
    })();
    const endless$ = fromPull(endless, valve.open$);
    const subscription = endless$.pipe(toTree(store, ['tree'], { write })(valve)).subscribe({ error: unexpected });
    await until(() => running.length > 0);
    const atOnce = await settled(() => running.length);
    assert.ok(atOnce < 150, `${atOnce} files were begun`);
    for (const progress of running.slice()) progress.complete();
    await until(() => running.length > atOnce);
    subscription.unsubscribe();
    assert.equal(valve.held, 0);
  });

  it('writes small files that are all there together, and one by one those that were not written so', async (test) => {
    const { run, valve } = await start(test);
    const whole = (name: string) => fileItem(name, { whole: Buffer.from('x') });
    const items = [whole('a'), folderItem('sub'), whole('sub/b'), fileItem('c'), whole('d'), whole('e')];
    for (const isWritten of [[true, false, true, true], [true], 'rejects'] as const) {
      const together: string[][] = [];
      const alone: string[] = [];
      const writeSmall: WriteSmallFiles = (files) => {
        together.push(files.map(({ path }) => path.join('/')));
        return isWritten === 'rejects' ? Promise.reject(new Error('no')) : Promise.resolve(isWritten);
      };
      const write: WriteTreeFile = ({ path }) => {
        alone.push(path.join('/'));
        return of({ bytes: 1 });
      };
      const counts = await run(items, write, { writeSmall });
      assert.deepEqual(counts.at(-1), { files: 5, bytes: 5, skipped: 0, failed: 0 });
      const names = ['a', 'sub/b', 'd', 'e'];
      assert.deepEqual(together, [names]);
      assert.deepEqual(alone, ['c', ...names.filter((_, index) => isWritten[index] !== true)]);
      assert.equal(valve.held, 0);
    }
  });

  it('writes also the small files that came before the tree broke off', async (test) => {
    const { store, valve } = await start(test);
    const seen: string[] = [];
    const writeSmall: WriteSmallFiles = (files) => {
      seen.push(...files.map(({ path }) => path.join('/')));
      return Promise.resolve(files.map(() => true));
    };
    const lost = new ConnectionError('CLOSED_EARLY', 'lost');
    const items$ = concat(
      of(fileItem('a', { whole: Buffer.from('x') }), fileItem('b', { whole: Buffer.from('x') })),
      throwError(() => lost),
    );
    await assert.rejects(valuesOf(items$.pipe(toTree(store, ['tree'], { write: done, writeSmall })(valve))), lost);
    await until(() => seen.length > 0);
    assert.deepEqual(seen, ['a', 'b']);
    assert.equal(valve.held, 0);
  });

  it('errors with what broke it off when all small files before that are written, and waits for no others', async (test) => {
    const { store, valve } = await start(test);
    const lost = new ConnectionError('CLOSED_EARLY', 'lost');
    let written = 0;
    const writeSmall: WriteSmallFiles = async (files) => {
      await nextTurn();
      written += files.length;
      return files.map(() => true);
    };
    let running = 0;
    const write: WriteTreeFile = () => defer(() => ((running += 1), NEVER)).pipe(finalize(() => (running -= 1)));
    const small = Array.from({ length: 1000 }, (_, index) => fileItem(`${index}`, { whole: Buffer.from('x') }));
    const items$ = concat(
      of(fileItem('large'), ...small),
      throwError(() => lost),
    );
    await assert.rejects(valuesOf(items$.pipe(toTree(store, ['tree'], { write, writeSmall })(valve))), lost);
    assert.deepEqual({ written, running, held: valve.held }, { written: 1000, running: 0, held: 0 });
  });

  it('begins no more small files together than a store needs at a time, and none after it was given up', async (test) => {
    const { store, valve } = await start(test);
    let begun = 0;
    let end: () => void = () => undefined;
    const writeSmall: WriteSmallFiles = async (files) => {
      begun += files.length;
      await new Promise<void>((resolve) => (end = resolve));
      return files.map(() => true);
    };
    const items = Array.from({ length: 1000 }, (_, index) => fileItem(`${index}`, { whole: Buffer.from('x') }));
    const subscription = concat(from(items), NEVER)
      .pipe(toTree(store, ['tree'], { write: done, writeSmall })(valve))
      .subscribe({ error: unexpected });
    await until(() => begun > 0);
    assert.equal(await settled(() => begun), 256);
    subscription.unsubscribe();
    end();
    assert.equal(await settled(() => begun), 256);
    assert.equal(valve.held, 0);
  });

  for (const [what, options, expected] of [
    ['than it is told', { concurrency: 8 }, 8],
    ['than 64, however many come together', {}, 64],
    ['than 64 that could not be written together', { writeSmall: () => Promise.resolve([]) }, 64],
  ] as const)
    it(`writes no more files at a time ${what}`, async (test) => {
      const { store } = await start(test);
      let running = 0;
      const write: WriteTreeFile = () => defer(() => ((running += 1), NEVER));
      const items = Array.from({ length: 200 }, (_, index) => fileItem(`${index}`, { whole: Buffer.from('x') }));
      const subscription = concat(from(items), NEVER)
        .pipe(toTree(store, ['tree'], { write, ...options })(new Valve()))
        .subscribe({ error: unexpected });
      await until(() => running > 0);
      assert.equal(await settled(() => running), expected);
      subscription.unsubscribe();
    });
});
