import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom, of } from 'rxjs';
import { serve } from '../../lib/index.ts';
import type { Entry } from '../../lib/protocol/entry.ts';
import { PART_PREFIX, type RemotePath } from '../../lib/protocol/path.ts';
import { LocalFolderStore } from '../../lib/store/local-folder.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { bytesOf, valuesOf } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startSwapper } from '../helpers/swapper.ts';

checkLeaks();

const RACE_MS = 1500;

/** A store with some files, and a folder outside of its root that links lead to. */
const world = async (test: TestContext) => {
  const base = await temporaryFolder(test);
  const root = join(base, 'root');
  const outside = join(base, 'outside');
  await mkdir(join(root, 'pub', 'deep'), { recursive: true });
  await mkdir(join(outside, 'deep'), { recursive: true });
  await writeFile(join(root, 'pub', 'file'), 'mine');
  await writeFile(join(outside, 'file'), 'secret');
  await symlink(outside, join(root, 'out'));
  await symlink(join(outside, 'file'), join(root, 'out-file'));
  await symlink('pub', join(root, 'in'));
  await symlink('pub/file', join(root, 'in-file'));
  await symlink('nowhere', join(root, 'broken'));
  const store = await LocalFolderStore.open(root);
  return { base, root, outside, store, at: (...names: string[]) => join(root, ...names) };
};

/** Does something without the rights of root, if this process has them. */
const asNobody = async (work: () => Promise<void>): Promise<void> => {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
};

const OUTSIDE = { code: 'PATH_OUTSIDE_ROOT' };

const listed = async (store: LocalFolderStore, path: RemotePath): Promise<Entry[]> => {
  const entries: Entry[] = [];
  for await (const entry of store.list(path)) entries.push(entry);
  return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
};

const namesIn = async (store: LocalFolderStore, path: RemotePath): Promise<string[]> =>
  (await listed(store, path)).map(({ name }) => name);

const contentOf = async (store: LocalFolderStore, path: RemotePath): Promise<string> => {
  const file = await store.open(path);
  try {
    return (await bytesOf(file.content())).toString();
  } finally {
    await file.close();
  }
};

const put = async (store: LocalFolderStore, path: RemotePath, text: string): Promise<void> => {
  const part = await store.begin(path, { fsync: false });
  try {
    await valuesOf(of(Buffer.from(text)).pipe(part.content(new Valve())));
    await part.commit();
  } finally {
    await part.discard();
  }
};

/** Everything below a folder, with its content. */
const snapshot = async (folder: string): Promise<Record<string, string>> => {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    found[path] = entry.isFile() ? await readFile(path, 'utf8') : 'not a file';
  }
  return found;
};

describe('LocalFolderStore', () => {
  it('opens an existing folder only', async (test) => {
    const { root, at } = await world(test);
    await assert.rejects(LocalFolderStore.open(at('missing')), { code: 'NOT_FOUND' });
    await assert.rejects(LocalFolderStore.open(at('pub', 'file')), { code: 'NOT_A_FOLDER' });
    assert.equal((await LocalFolderStore.open(root)).root, root);
  });

  it('writes paths in its errors as it was told to', async (test) => {
    const { root } = await world(test);
    const store = await LocalFolderStore.open(root, (path) => `<${path.join('|')}>`);
    await assert.rejects(store.stat(['pub', 'missing']), { message: /^<pub\|missing>: / });
  });

  it('knows how much room there is', async (test) => {
    const { free, total } = await (await world(test)).store.space();
    assert.ok(free > 0 && total >= free);
  });

  describe('list', () => {
    it('tells each name in a folder once, with what it is', async (test) => {
      const { store } = await world(test);
      const entries = (await listed(store, [])).map(({ name, kind, size }) => [name, kind, size]);
      assert.deepEqual(entries, [
        ['broken', 'link', 0],
        ['in', 'link', 0],
        ['in-file', 'link', 0],
        ['out', 'link', 0],
        ['out-file', 'link', 0],
        ['pub', 'folder', 0],
      ]);
      assert.deepEqual(
        (await listed(store, ['pub'])).map(({ name, kind, size }) => [name, kind, size]),
        [
          ['deep', 'folder', 0],
          ['file', 'file', 4],
        ],
      );
    });

    it('lists an empty folder, and one behind a link that stays inside', async (test) => {
      const { store } = await world(test);
      assert.deepEqual(await namesIn(store, ['pub', 'deep']), []);
      assert.deepEqual(await namesIn(store, ['in']), ['deep', 'file']);
    });

    it('lists more names than it reads at a time', async (test) => {
      const { store, at } = await world(test);
      const names = Array.from({ length: 700 }, (_, index) => `file-${String(index).padStart(3, '0')}`);
      await Promise.all(names.map((name) => writeFile(at('pub', 'deep', name), '')));
      assert.deepEqual(await namesIn(store, ['pub', 'deep']), names);
    });

    it('leaves out unfinished transfers and names that no request could carry', async (test) => {
      const { store, at } = await world(test);
      const folder = at('pub', 'deep');
      for (const name of [`${PART_PREFIX}0011`, 'back\\slash', 'line\nfeed', 'escape\u001b[2J', 'fine', '.hidden'])
        await writeFile(join(folder, name), '');
      // Not Unicode, and so no name that JSON could carry.
      await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), '');
      assert.deepEqual(await namesIn(store, ['pub', 'deep']), ['.hidden', 'fine']);
    });

    it('leaves out the part of an upload that is under way', async (test) => {
      const { store } = await world(test);
      const part = await store.begin(['pub', 'new'], {});
      assert.deepEqual(await namesIn(store, ['pub']), ['deep', 'file']);
      await part.discard();
    });

    it('frees the folder when its reader has enough', async (test) => {
      const { store } = await world(test);
      for await (const entry of store.list([])) {
        assert.ok(entry.name);
        break;
      }
      const unread = store.list([]);
      await unread.return();
    });

    it('refuses what is no folder, missing or outside', async (test) => {
      const { store } = await world(test);
      await assert.rejects(listed(store, ['missing']), { code: 'NOT_FOUND' });
      await assert.rejects(listed(store, ['pub', 'file']), { code: 'NOT_A_FOLDER' });
      await assert.rejects(listed(store, ['out']), OUTSIDE);
      await assert.rejects(listed(store, ['out', 'deep']), OUTSIDE);
    });
  });

  describe('stat', () => {
    const kinds: readonly (readonly [path: RemotePath, kind: string, size: number])[] = [
      [[], 'folder', 0],
      [['pub'], 'folder', 0],
      [['pub', 'file'], 'file', 4],
      [['in'], 'folder', 0],
      [['in', 'file'], 'file', 4],
      [['in-file'], 'file', 4],
      [['out'], 'link', 0],
      [['out-file'], 'link', 0],
      [['broken'], 'link', 0],
    ];
    for (const [path, kind, size] of kinds)
      it(`tells that /${path.join('/')} is a ${kind}`, async (test) => {
        const entry = await (await world(test)).store.stat(path);
        assert.deepEqual(
          { name: entry.name, kind: entry.kind, size: entry.size },
          { name: path.at(-1) ?? '', kind, size },
        );
      });

    it('tells a link to the root from one that leads out', async (test) => {
      const { store, at } = await world(test);
      await symlink('.', at('to-root'));
      assert.equal((await store.stat(['to-root'])).kind, 'folder');
    });

    it('refuses what is missing or outside', async (test) => {
      const { store } = await world(test);
      await assert.rejects(store.stat(['missing']), { code: 'NOT_FOUND' });
      await assert.rejects(store.stat(['pub', 'file', 'x']), { code: 'NOT_A_FOLDER' });
      await assert.rejects(store.stat(['out', 'file']), OUTSIDE);
    });
  });

  describe('open', () => {
    it('opens a file, also through links that stay inside', async (test) => {
      const { store } = await world(test);
      for (const path of [['pub', 'file'], ['in', 'file'], ['in-file']]) {
        assert.equal(await contentOf(store, path), 'mine');
        const file = await store.open(path);
        assert.equal(file.entry.name, path.at(-1));
        await file.close();
      }
    });

    it('refuses a link that leads out, in the middle and at the end', async (test) => {
      const { store } = await world(test);
      await assert.rejects(store.open(['out', 'file']), OUTSIDE);
      await assert.rejects(store.open(['out-file']), OUTSIDE);
      await assert.rejects(store.open(['out']), OUTSIDE);
    });

    it('refuses a link to an unfinished transfer', async (test) => {
      const { store, at } = await world(test);
      await writeFile(at(`${PART_PREFIX}1`), 'unfinished');
      await symlink(`${PART_PREFIX}1`, at('peek'));
      await assert.rejects(store.open(['peek']), { code: 'PATH_INVALID' });
    });

    it('refuses folders, the root and pipes, without waiting for anybody', async (test) => {
      const { store, at } = await world(test);
      execFileSync('mkfifo', [at('pipe')]);
      for (const path of [[], ['pub'], ['pipe'], ['in']])
        await assert.rejects(store.open(path), { code: 'NOT_A_FILE' }, `/${path.join('/')}`);
    });

    it('refuses what is missing', async (test) => {
      const { store } = await world(test);
      for (const path of [['missing'], ['missing', 'file'], ['broken']])
        await assert.rejects(store.open(path), { code: 'NOT_FOUND', message: new RegExp(`^/${path.join('/')}: `) });
    });
  });

  describe('remove', () => {
    it('removes a file', async (test) => {
      const { store } = await world(test);
      await store.remove(['pub', 'file']);
      await assert.rejects(store.stat(['pub', 'file']), { code: 'NOT_FOUND' });
    });

    it('removes a link and leaves what it leads to', async (test) => {
      const { store, outside, at } = await world(test);
      for (const name of ['out', 'out-file', 'in-file', 'broken']) await store.remove([name]);
      assert.deepEqual(await readdir(at()), ['in', 'pub']);
      assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'secret');
      assert.equal(await readFile(at('pub', 'file'), 'utf8'), 'mine');
    });

    it('refuses folders, the root, and what is missing or outside', async (test) => {
      const { store, outside } = await world(test);
      await assert.rejects(store.remove(['pub']), { code: 'NOT_A_FILE' });
      await assert.rejects(store.remove([]), { code: 'PERMISSION_DENIED' });
      await assert.rejects(store.remove(['missing']), { code: 'NOT_FOUND' });
      await assert.rejects(store.remove(['out', 'file']), OUTSIDE);
      assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'secret');
    });
  });

  describe('makeFolder', () => {
    it('makes a folder', async (test) => {
      const { store } = await world(test);
      await store.makeFolder(['pub', 'new']);
      assert.equal((await store.stat(['pub', 'new'])).kind, 'folder');
    });

    it('refuses a name that is taken, a folder around it that is missing, the root, and outside', async (test) => {
      const { store, outside } = await world(test);
      for (const name of ['pub', 'out', 'broken']) await assert.rejects(store.makeFolder([name]), { code: 'EXISTS' });
      await assert.rejects(store.makeFolder(['missing', 'new']), { code: 'NOT_FOUND' });
      await assert.rejects(store.makeFolder([]), { code: 'PERMISSION_DENIED' });
      await assert.rejects(store.makeFolder(['out', 'new']), OUTSIDE);
      assert.deepEqual((await readdir(outside)).sort(), ['deep', 'file']);
    });
  });

  describe('removeFolder', () => {
    it('takes a folder for empty that holds only what a killed program left of a transfer', async (test) => {
      const { store, at } = await world(test);
      await mkdir(at('left'));
      await writeFile(at('left', `${PART_PREFIX}0123456789abcdef`), 'half');
      await writeFile(at('left', 'file'), 'whole');
      await assert.rejects(store.removeFolder(['left'], { recursive: false }), { code: 'FOLDER_NOT_EMPTY' });
      assert.equal((await readdir(at('left'))).length, 2);
      await store.remove(['left', 'file']);
      await store.removeFolder(['left'], { recursive: false });
      await assert.rejects(store.stat(['left']), { code: 'NOT_FOUND' });
    });

    it('removes an empty folder', async (test) => {
      const { store, at } = await world(test);
      await store.removeFolder(['pub', 'deep'], { recursive: false });
      assert.deepEqual(await readdir(at('pub')), ['file']);
    });

    it('removes all that is in a folder, also what no path can name', async (test) => {
      const { root, store } = await world(test);
      await writeFile(Buffer.concat([Buffer.from(join(root, 'pub', 'bad')), Buffer.from([0xff])]), '');
      await mkdir(join(root, 'pub', 'back\\slash'));
      await store.removeFolder(['pub'], { recursive: true });
      assert.ok(!(await readdir(root)).includes('pub'));
    });

    it('leaves a folder that is not empty unless asked for all of it', async (test) => {
      const { store, at } = await world(test);
      await assert.rejects(store.removeFolder(['pub'], { recursive: false }), { code: 'FOLDER_NOT_EMPTY' });
      assert.deepEqual((await readdir(at('pub'))).sort(), ['deep', 'file']);
      await store.removeFolder(['pub'], { recursive: true });
      await assert.rejects(store.stat(['pub']), { code: 'NOT_FOUND' });
    });

    it('removes many files, deep folders and odd names', async (test) => {
      const { store, at } = await world(test);
      const deep = at('pub', ...Array.from({ length: 40 }, () => 'd'));
      await mkdir(deep, { recursive: true });
      for (const name of [`${PART_PREFIX}1`, 'back\\slash', '.hidden']) await writeFile(join(deep, name), '');
      await Promise.all(Array.from({ length: 300 }, (_, index) => writeFile(at('pub', `file-${index}`), '')));
      await store.removeFolder(['pub'], { recursive: true });
      await assert.rejects(stat(at('pub')), { code: 'ENOENT' });
    });

    it('removes links, and never what they lead to', async (test) => {
      const { store, outside, at } = await world(test);
      await symlink(outside, at('pub', 'out'));
      await symlink(outside, at('pub', 'deep', 'out'));
      await symlink('../in', at('pub', 'in'));
      await store.removeFolder(['pub'], { recursive: true });
      await assert.rejects(stat(at('pub')), { code: 'ENOENT' });
      assert.deepEqual((await readdir(outside)).sort(), ['deep', 'file']);
    });

    it('refuses links, files, the root, and what is missing or outside', async (test) => {
      const { store, outside, at } = await world(test);
      for (const recursive of [false, true]) {
        for (const path of [['out'], ['in'], ['pub', 'file']])
          await assert.rejects(store.removeFolder(path, { recursive }), { code: 'NOT_A_FOLDER' });
        await assert.rejects(store.removeFolder([], { recursive }), { code: 'PERMISSION_DENIED' });
        await assert.rejects(store.removeFolder(['missing'], { recursive }), { code: 'NOT_FOUND' });
        await assert.rejects(store.removeFolder(['out', 'deep'], { recursive }), OUTSIDE);
      }
      assert.deepEqual((await readdir(outside)).sort(), ['deep', 'file']);
      assert.equal(await readFile(at('pub', 'file'), 'utf8'), 'mine');
    });
  });

  describe('move', () => {
    it('gives files and folders another path', async (test) => {
      const { store } = await world(test);
      await store.move(['pub', 'file'], ['file']);
      assert.equal(await contentOf(store, ['file']), 'mine');
      await store.move(['pub'], ['moved']);
      assert.deepEqual(await namesIn(store, ['moved']), ['deep']);
      await store.move(['file'], ['moved', 'deep', 'file']);
      assert.equal(await contentOf(store, ['moved', 'deep', 'file']), 'mine');
    });

    it('moves a link itself', async (test) => {
      const { store, at } = await world(test);
      await store.move(['out'], ['pub', 'out']);
      assert.ok((await lstat(at('pub', 'out'))).isSymbolicLink());
    });

    it('never replaces anything', async (test) => {
      const { store, at } = await world(test);
      await writeFile(at('other'), 'other');
      for (const path of [['other'], ['pub', 'deep'], ['broken'], ['out'], ['pub', 'file']])
        await assert.rejects(store.move(['pub', 'file'], path), { code: 'EXISTS' }, `/${path.join('/')}`);
      assert.equal(await readFile(at('other'), 'utf8'), 'other');
      assert.equal(await readFile(at('pub', 'file'), 'utf8'), 'mine');
    });

    it('does not move a folder into itself', async (test) => {
      const { store, at } = await world(test);
      for (const path of [
        ['pub', 'new'],
        ['pub', 'deep', 'new'],
      ])
        await assert.rejects(store.move(['pub'], path), { code: 'PATH_INVALID' });
      await assert.rejects(store.move(['pub'], ['in', 'new']));
      assert.deepEqual((await readdir(at('pub'))).sort(), ['deep', 'file']);
    });

    it('refuses what is missing or outside, at both ends', async (test) => {
      const { store, outside } = await world(test);
      await assert.rejects(store.move(['missing'], ['new']), { code: 'NOT_FOUND', message: /^\/missing: / });
      await assert.rejects(store.move(['pub'], ['missing', 'new']), {
        code: 'NOT_FOUND',
        message: /^\/missing\/new: /,
      });
      await assert.rejects(store.move(['out', 'file'], ['new']), OUTSIDE);
      await assert.rejects(store.move(['pub', 'file'], ['out', 'new']), OUTSIDE);
      await assert.rejects(store.move(['pub', 'file'], []), { code: 'PERMISSION_DENIED' });
      await assert.rejects(store.move([], ['new']));
      assert.deepEqual((await readdir(outside)).sort(), ['deep', 'file']);
    });
  });

  describe('begin', () => {
    it('refuses a folder that leads out, and writes nothing there', async (test) => {
      const { store, outside } = await world(test);
      await assert.rejects(store.begin(['out', 'new'], {}), OUTSIDE);
      await assert.rejects(store.begin(['out', 'deep', 'new'], {}), OUTSIDE);
      assert.deepEqual((await readdir(outside)).sort(), ['deep', 'file']);
    });
  });

  it('never leaves its root while somebody swaps folders for links out of it', async (test) => {
    const { store, root, outside, at } = await world(test);
    // Everything outside can be told from what is inside by name, size and content.
    await writeFile(join(outside, 'only-outside'), 'secret');
    await writeFile(at('pub', 'only-inside'), 'mine');
    await mkdir(join(outside, 'empty'));
    const before = await snapshot(outside);
    const stop = startSwapper(test, {
      folder: at('pub'),
      link: at('in-file'),
      linkTarget: 'in-file-target',
      outside,
      outsideFile: join(outside, 'file'),
    });
    await writeFile(at('in-file-target'), 'mine');
    const outcomes = new Map<string, number>();
    const seenOutside = new Set<string>();
    const attempt = async (act: () => Promise<unknown>) => {
      const outcome = await act().then(
        () => 'done',
        (error: unknown) => {
          if (error instanceof assert.AssertionError) seenOutside.add(error.message);
          return (error as { code?: string }).code ?? String(error);
        },
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    };
    const work: (() => Promise<unknown>)[] = [
      async () => assert.equal(await contentOf(store, ['pub', 'file']), 'mine', 'read a folder outside'),
      async () => assert.equal(await contentOf(store, ['in-file']), 'mine', 'read a file outside'),
      async () => assert.notEqual((await store.stat(['in-file'])).size, 'secret'.length, 'saw a file outside'),
      async () =>
        assert.notEqual((await store.stat(['pub', 'file'])).size, 'secret'.length, 'saw into a folder outside'),
      async () => assert.ok(!(await namesIn(store, ['pub'])).includes('only-outside'), 'listed a folder outside'),
      () => put(store, ['pub', 'file'], 'mine'),
      () => put(store, ['pub', 'new'], 'mine'),
      () => store.remove(['pub', 'new']),
      () => store.remove(['pub', 'only-outside']),
      () => store.makeFolder(['pub', 'made']),
      () => store.removeFolder(['pub', 'made'], { recursive: true }),
      () => store.removeFolder(['pub', 'empty'], { recursive: false }),
      () => store.removeFolder(['pub', 'deep'], { recursive: true }),
      () => store.move(['pub', 'only-outside'], ['stolen']),
      () => store.move(['in-file-target'], ['pub', 'moved']),
      () => store.move(['pub', 'moved'], ['in-file-target']),
    ];
    const deadline = performance.now() + RACE_MS;
    const worker = async (first: number) => {
      for (let index = first; performance.now() < deadline; index += 1) {
        const act = work[index % work.length];
        if (act !== undefined) await attempt(act);
      }
    };
    await Promise.all([0, 3, 6, 9].map(worker));
    await stop();
    assert.deepEqual([...seenOutside], []);
    assert.deepEqual(await snapshot(outside), before);
    assert.ok(!(await readdir(root)).includes('stolen'));
    for (const outcome of ['done', 'PATH_OUTSIDE_ROOT'])
      assert.ok((outcomes.get(outcome) ?? 0) > 0, `no ${outcome} among ${JSON.stringify([...outcomes])}`);
  });
});

describe('a folder that is to be served', () => {
  // The others' bits, for a folder of root's; the owner's, for one of this user's own.
  const READABLE = 0o555;
  for (const [what, mode] of Object.entries({ 'that cannot be listed': 0o311, 'whose names cannot be reached': 0o644 }))
    it(`and ${what} is refused at once with PERMISSION_DENIED and its name`, async (test) => {
      const root = await temporaryFolder(test);
      const store = await LocalFolderStore.open(root);
      await chmod(root, process.geteuid?.() === 0 ? mode : mode & 0o700);
      const refusal = { code: 'PERMISSION_DENIED', message: new RegExp(`^${root}: cannot read folder`) };
      await asNobody(() => assert.rejects(store.assertReadable(), refusal));
      await asNobody(() => assert.rejects(lastValueFrom(serve({ root, port: 0 })), { code: 'PERMISSION_DENIED' }));
      await chmod(root, READABLE);
      await asNobody(() => store.assertReadable());
    });
});
