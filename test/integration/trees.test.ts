import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { tap } from 'rxjs';
import {
  type Client,
  FileError,
  LocalFolderStore,
  type ServeOptions,
  type Store,
  type TreeProgress,
} from '../../lib/index.ts';
import { PART_PREFIX } from '../../lib/protocol/path.ts';
import { pattern } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { troublesOf } from '../helpers/file-transfer.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, leavePart, securedBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { offerOf, openSession, until } from '../helpers/raw-peer.ts';
import { type TestServer, startClient, startServer } from '../helpers/server.ts';
import { type TreeFiles, type TreeOutcome, makeTree, readTree, runTree } from '../helpers/tree.ts';

checkLeaks();

const KIB = 1024;
const MIB = 1024 * KIB;

interface Scene {
  readonly client: Client;
  readonly server: TestServer;
  /** The sender's folder of that name, wherever it is. */
  readonly from: string;
  /** Where it shall go. */
  readonly to: string;
  /** The store's path of the folder on the server. */
  readonly path: readonly string[];
  move(options?: Parameters<Client['uploadTree']>[2], client?: Client): ReturnType<Client['uploadTree']>;
}

type Direction = 'download' | 'upload';

/** A folder to send, a place for it on the other side, and a client. */
const startScene = async (
  test: TestContext,
  direction: Direction,
  files: TreeFiles,
  options: Partial<ServeOptions> = {},
): Promise<Scene> => {
  const root = await temporaryFolder(test);
  const here = await temporaryFolder(test);
  const server = await startServer(test, { ...(options.store === undefined && { root }), ...options });
  const client = await startClient(test, server);
  const [from, to] =
    direction === 'download' ? [join(root, 'tree'), join(here, 'tree')] : [join(here, 'tree'), join(root, 'tree')];
  await mkdir(from);
  await makeTree(from, files);
  const path = ['tree'];
  const move: Scene['move'] = (treeOptions = {}, by = client) =>
    direction === 'download' ? by.downloadTree(path, to, treeOptions) : by.uploadTree(from, path, treeOptions);
  return { client, server, from, to, path, move };
};

const assertSameTree = async ({ from, to }: Pick<Scene, 'from' | 'to'>): Promise<void> =>
  assert.deepEqual(await readTree(to), await readTree(from));

const countsOf = ({ last: { state, files, skipped, failed } }: TreeOutcome) => ({ state, files, skipped, failed });

const transfersOf = ({ events }: TestServer) => events.flatMap((event) => (event.type === 'transfer' ? [event] : []));

const partsIn = async (folder: string): Promise<boolean> =>
  (await readdir(folder)).some((name) => name.startsWith(PART_PREFIX));

const MIXED: TreeFiles = {
  'empty/': '',
  'empty-file': '',
  'a.txt': 'hello',
  'sub/deep/deeper/b.txt': 'b',
  'Größe é 🚰/with blank': 'odd',
  '-r': 'dash',
  'quote"\'$HOME': 'shell',
  '.hidden/.file': 'dots',
  small: pattern(64 * KIB),
  'over-small': pattern(64 * KIB + 1),
  block: pattern(MIB),
  'over-block': pattern(MIB + 1),
  'two-blocks': pattern(2 * MIB),
  large: pattern(5 * MIB + 7),
};

for (const direction of ['download', 'upload'] as const) {
  describe(`a tree, by ${direction}`, () => {
    it('arrives with all its files and empty folders, their times and permissions', async (test) => {
      const scene = await startScene(test, direction, MIXED);
      await chmod(join(scene.from, 'a.txt'), 0o751);
      await utimes(join(scene.from, 'a.txt'), 1_000_000_000, 1_000_000_000);
      const outcome = await runTree(scene.move());
      const bytes = Object.values(MIXED).reduce((sum, content) => sum + content.length, 0);
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 13, skipped: 0, failed: 0 });
      assert.equal(outcome.last.bytes, bytes);
      await assertSameTree(scene);
      const [report, ...others] = transfersOf(scene.server);
      assert.deepEqual([report?.outcome, report?.files, report?.bytes], ['completed', 13, bytes]);
      assert.deepEqual(others, []);
    });

    it('moves nothing the second time, and only what differs the third', async (test) => {
      const scene = await startScene(test, direction, MIXED);
      await runTree(scene.move());
      await until('the first transfer’s report', () => transfersOf(scene.server).length > 0);
      const before = transfersOf(scene.server).length;
      const second = await runTree(scene.move());
      assert.deepEqual([second.last.files, second.last.bytes, second.problems], [0, 0, []]);
      const moved = transfersOf(scene.server).slice(before);
      assert.equal(
        moved.reduce((sum, { bytes }) => sum + bytes, 0),
        0,
      );
      await writeFile(join(scene.from, 'sub', 'deep', 'deeper', 'b.txt'), 'other');
      await writeFile(join(scene.from, 'new'), 'n');
      await writeFile(join(scene.to, 'extra'), 'stays');
      const third = await runTree(scene.move());
      assert.deepEqual([third.last.files, third.last.bytes], [2, 6]);
      const there = await readTree(scene.to);
      assert.ok(there.delete('extra'));
      assert.deepEqual(there, await readTree(scene.from));
    });

    it('of nothing is an empty folder', async (test) => {
      const scene = await startScene(test, direction, {});
      assert.deepEqual(countsOf(await runTree(scene.move())), { state: 'completed', files: 0, skipped: 0, failed: 0 });
      assert.deepEqual(await readdir(scene.to), []);
    });

    it('of 500 small files with a large one among them goes over one data connection', async (test) => {
      const small = Array.from({ length: 500 }, (_, index) => [`folder-${index % 30}/${index}`, `file ${index}`]);
      const files = { ...Object.fromEntries(small), 'folder-7/large': pattern(3 * MIB) } as TreeFiles;
      const scene = await startScene(test, direction, files);
      const outcome = await runTree(scene.move());
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 501, skipped: 0, failed: 0 });
      await assertSameTree(scene);
      assert.equal(transfersOf(scene.server).length, 1);
    });

    it('of many large files does not get stuck, whatever their sizes', async (test) => {
      const sizes = [64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1, 3 * MIB];
      const files = Array.from({ length: 40 }, (_, index) => [`${index}`, pattern(sizes[index % sizes.length] ?? 0)]);
      const scene = await startScene(test, direction, Object.fromEntries(files) as TreeFiles);
      assert.equal((await runTree(scene.move())).last.files, 40);
      await assertSameTree(scene);
    });

    it('goes as deep as a path may', async (test) => {
      const deep = Array.from({ length: 62 }, (_, index) => `d${index}`).join('/');
      const scene = await startScene(test, direction, { [`${deep}/file`]: 'deep' });
      assert.equal((await runTree(scene.move())).last.files, 1);
      await assertSameTree(scene);
    });

    it('tells of a link, and takes the rest', async (test) => {
      const scene = await startScene(test, direction, { 'sub/a': 'a' });
      await symlink('/etc/passwd', join(scene.from, 'sub', 'link'));
      const outcome = await runTree(scene.move());
      assert.deepEqual(outcome.problems, ['sub/link UNSUPPORTED']);
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 1, skipped: 0, failed: 1 });
      assert.deepEqual(await readdir(join(scene.to, 'sub')), ['a']);
    });

    it('comes without what differs from another name only by case, also the second time', async (test) => {
      const files = { name: '1', NAME: '2', other: 'o', 'sub/a': 'a', 'SUB/b': 'b', 'sub/d/e': 'e', 'SUB/d/f': 'f' };
      const scene = await startScene(test, direction, files);
      const folded = async () => [...(await readTree(scene.to)).keys()].map((path) => path.toLowerCase());
      for (const [again, moved] of [
        [false, [4]],
        [true, [0]],
      ] as const) {
        const { last, problems } = await runTree(scene.move());
        assert.deepEqual([last.state, last.files], ['completed', moved[0]], problems.join());
        assert.ok(last.failed === problems.length && problems.every((line) => line.endsWith(' PATH_INVALID')));
        assert.ok(problems.some((line) => /^name /i.test(line)) && problems.some((line) => /^sub /i.test(line)));
        const there = await folded();
        assert.equal(new Set(there).size, there.length, `${there.join()}, ${again ? 'again' : 'at first'}`);
      }
      const names = await readdir(scene.to);
      assert.ok(names.includes('other') && names.length === 3);
    });

    it('follows the overwrite policies, file by file', async (test) => {
      const scene = await startScene(test, direction, { old: 'source', newer: 'source', missing: 'source' });
      await makeTree(scene.to, { old: 'target!', newer: 'target!' });
      await utimes(join(scene.to, 'old'), 1000, 1000);
      await utimes(join(scene.to, 'newer'), 4e9, 4e9);
      const refused = await runTree(scene.move({ overwrite: 'refuse' }));
      assert.deepEqual(refused.problems, ['newer EXISTS', 'old EXISTS']);
      assert.deepEqual(countsOf(refused), { state: 'completed', files: 1, skipped: 0, failed: 2 });
      const skipped = await runTree(scene.move({ overwrite: 'skip' }));
      assert.deepEqual(countsOf(skipped), { state: 'completed', files: 0, skipped: 2, failed: 0 });
      const newer = await runTree(scene.move({ overwrite: 'if-newer' }));
      assert.deepEqual(countsOf(newer), { state: 'completed', files: 1, skipped: 1, failed: 0 });
      const all = await runTree(scene.move({ overwrite: 'overwrite' }));
      assert.deepEqual(countsOf(all), { state: 'completed', files: 1, skipped: 0, failed: 0 });
      await assertSameTree(scene);
    });

    it('of large files that are skipped or fail lets the others come', async (test) => {
      const large = Array.from({ length: 12 }, (_, index) => [`${index}`, pattern(3 * MIB)]);
      const scene = await startScene(test, direction, { ...Object.fromEntries(large), last: 'l' } as TreeFiles);
      for (let index = 0; index < 12; index += 2) await makeTree(scene.to, { [`${index}/in-the-way`]: '' });
      for (let index = 1; index < 12; index += 4) await makeTree(scene.to, { [`${index}`]: 'there' });
      const outcome = await runTree(scene.move({ overwrite: 'skip' }));
      assert.deepEqual([outcome.last.files, outcome.last.skipped + outcome.last.failed], [4, 9]);
      assert.equal(await stat(join(scene.to, 'last')).then(({ size }) => size), 1);
    });

    it('tells of a file where a folder shall be, and of a folder where a file shall be', async (test) => {
      const scene = await startScene(test, direction, { 'folder/in-it': 'x', file: 'x', other: 'x' });
      await makeTree(scene.to, { folder: 'a file', 'file/in-it': 'a folder' });
      const { last, problems } = await runTree(scene.move());
      assert.equal(last.files, 1);
      assert.deepEqual(
        [...new Set(problems.map((line) => line.split(' ')[0]))],
        ['file', 'folder', 'folder/in-it'].filter((path) => problems.some((line) => line.startsWith(`${path} `))),
      );
      assert.ok(
        problems.some((line) => line.startsWith('folder ')),
        problems.join(),
      );
      assert.ok(
        problems.some((line) => line.startsWith('file ')),
        problems.join(),
      );
    });

    it('fails whole where its target is a file, and where its source is not a folder', async (test) => {
      const scene = await startScene(test, direction, { a: 'a' });
      await writeFile(scene.to, 'a file');
      await assert.rejects(runTree(scene.move()), (error) =>
        ['EXISTS', 'NOT_A_FOLDER'].includes((error as FileError).code),
      );
      const source =
        direction === 'download'
          ? scene.client.downloadTree(['tree', 'a'], `${scene.to}-2`)
          : scene.client.uploadTree(join(scene.from, 'a'), ['other']);
      await failsWith('NOT_A_FOLDER', runTree(source));
      const missing =
        direction === 'download'
          ? scene.client.downloadTree(['none'], `${scene.to}-3`)
          : scene.client.uploadTree(join(scene.from, 'none'), ['other']);
      await failsWith('NOT_FOUND', runTree(missing));
      assert.ok((await scene.client.ping()) >= 0);
    });

    it('that is cancelled keeps the files that are done, and of the rest only what a large one needs to go on', async (test) => {
      const files = { ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`a${index}`, `${index}`])) };
      const scene = await startScene(test, direction, files);
      await writeFile(join(scene.from, 'z-large'), '');
      await truncate(join(scene.from, 'z-large'), 512 * MIB);
      const running = scene.move().subscribe();
      const parts = async () => {
        const names = (await readdir(scene.to).catch(() => [])).filter((name) => name.startsWith('.sluice-part-'));
        return Promise.all(
          names.map((name) =>
            stat(join(scene.to, name)).then(
              ({ size }) => size,
              () => 0,
            ),
          ),
        );
      };
      await until('a block of the large file', async () => (await securedBytes(scene.to).catch(() => 0)) >= MIB);
      running.unsubscribe();
      await until('the server to notice', () => transfersOf(scene.server).length > 0);
      assert.equal(transfersOf(scene.server)[0]?.outcome, 'failed');
      const done = (await readdir(scene.to)).filter((name) => !name.startsWith('.sluice-part-'));
      await until('all parts but the large one to be gone', async () => (await parts()).every((size) => size >= MIB));
      assert.equal((await parts()).length, 1);
      assert.ok(done.length <= 200);
      assert.ok((await scene.client.ping()) >= 0);
    });

    it('goes on inside a large file of which an earlier try left something, if it is the same one', async (test) => {
      const large = pattern(6 * MIB);
      const files = { 'sub/large': large, 'sub/other': large, 'sub/small': 's' };
      const scene = await startScene(test, direction, files, { dataPorts: 'same' });
      await utimes(join(scene.from, 'sub', 'large'), MODIFIED / 1000, MODIFIED / 1000);
      await utimes(join(scene.from, 'sub', 'other'), MODIFIED / 1000 + 1, MODIFIED / 1000 + 1);
      await makeTree(scene.to, { 'sub/': '' });
      for (const name of ['large', 'other']) await leavePart(join(scene.to, 'sub'), name, large, { bytes: 5 * MIB });
      const proxy = await startFaultProxy(test, scene.server, []);
      const client = await startClient(test, proxy, { host: proxy.host });
      const outcome = await runTree(scene.move({}, client));
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 3, skipped: 0, failed: 0 });
      const lane = direction === 'download' ? 'down' : 'up';
      const wire = proxy.connections('data').reduce((sum, { passed }) => sum + passed[lane], 0);
      assert.ok(wire > 7 * MIB && wire < 8 * MIB, `${wire} bytes`);
      await assertSameTree(scene);
      assert.ok(!(await partsIn(join(scene.to, 'sub'))));
    });

    it('goes on inside a large file by itself when its connection is lost', async (test) => {
      const scene = await startScene(test, direction, { large: pattern(12 * MIB), small: 's' }, { dataPorts: 'same' });
      const lane = direction === 'download' ? 'down' : 'up';
      const proxy = await startFaultProxy(test, scene.server, [
        { when: 'data', nth: 0, direction: lane, at: 9 * MIB, fault: { type: 'stop' } },
      ]);
      const client = await startClient(test, proxy, { host: proxy.host, retries: 5 });
      const running = runTree(scene.move({}, client));
      await until('blocks that are secure', async () => (await securedBytes(scene.to).catch(() => 0)) >= 6 * MIB);
      proxy.connections('control')[0]?.strike({ type: 'reset' });
      const { last } = await running;
      assert.deepEqual([last.state, last.files, last.failed], ['completed', 2, 0]);
      assert.equal(last.bytes, 12 * MIB + 1);
      assert.ok((last.resumed ?? 0) >= 6 * MIB, String(last.resumed));
      assert.ok(
        proxy
          .connections('data')
          .slice(1)
          .every(({ passed }) => passed[lane] < 7 * MIB),
      );
      await assertSameTree(scene);
    });

    it('counts the bytes of what is kept, and not of what is refused', async (test) => {
      const scene = await startScene(test, direction, { one: 'one', other: pattern(100_000), large: pattern(3 * MIB) });
      for (const name of ['other', 'large']) await mkdir(join(scene.to, name), { recursive: true });
      const outcome = await runTree(scene.move());
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 1, skipped: 0, failed: 2 });
      assert.equal(outcome.last.bytes, 3);
    });

    it('tells of names that cannot be carried, and counts them as failed', async (test) => {
      const scene = await startScene(test, direction, { good: 'a', 'sub/back\\slash': 'b' });
      await writeFile(Buffer.concat([Buffer.from(join(scene.from, 'bad')), Buffer.from([0xff])]), 'c');
      const outcome = await runTree(scene.move());
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 1, skipped: 0, failed: 2 });
      assert.deepEqual(outcome.problems, ['bad\uFFFD PATH_INVALID', 'sub/back\uFFFDslash PATH_INVALID']);
    });

    it('has only those packs of its small files sent again that are broken on the way', async (test) => {
      const files = { ...Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}`, pattern(60_000)])) };
      const scene = await startScene(test, direction, files, { dataPorts: 'same' });
      const lane = direction === 'download' ? 'down' : 'up';
      const flip = (at: number) => ({ when: 'data', nth: 0, direction: lane, at, fault: { type: 'corrupt' } }) as const;
      const proxy = await startFaultProxy(test, scene.server, [flip(150_000), flip(1_650_000)]);
      const client = await startClient(test, proxy, { host: proxy.host, retries: 1 });
      const seen: TreeProgress[] = [];
      const outcome = await runTree(scene.move({}, client).pipe(tap((progress) => seen.push(progress))));
      assert.deepEqual(countsOf(outcome), { state: 'completed', files: 40, skipped: 0, failed: 0 });
      assert.deepEqual([troublesOf({ seen }), outcome.problems], [['DIGEST_MISMATCH'], []]);
      const [, ...again] = proxy.connections('data').map(({ passed }) => passed[lane]);
      assert.ok(again.reduce((sum, bytes) => sum + bytes, 0) < 9 * 60_000, again.join());
      await assertSameTree(scene);
    });

    it('keeps nothing of what breaks off, and begins each file anew, where it was told so', async (test) => {
      const large = pattern(6 * MIB);
      const scene = await startScene(test, direction, { large, small: 's' }, { dataPorts: 'same' });
      const lane = direction === 'download' ? 'down' : 'up';
      const proxy = await startFaultProxy(test, scene.server, [
        { when: 'data', nth: 0, direction: lane, at: 3 * MIB, fault: { type: 'stop' } },
      ]);
      await utimes(join(scene.from, 'large'), MODIFIED / 1000, MODIFIED / 1000);
      const client = await startClient(test, proxy, { host: proxy.host, retries: 0 });
      const broken = failsWith('CLOSED_EARLY', runTree(scene.move({ resume: false }, client)));
      await until('half of it', () => (proxy.connections('data')[0]?.passed[lane] ?? 0) >= 3 * MIB);
      proxy.connections('control')[0]?.strike({ type: 'reset' });
      await broken;
      await until('a folder without parts', async () => !(await partsIn(scene.to)));
      await leavePart(scene.to, 'large', large, { bytes: 5 * MIB });
      const wire = () => proxy.connections('data').reduce((sum, { passed }) => sum + passed[lane], 0);
      const before = wire();
      const again = await startClient(test, proxy, { host: proxy.host });
      await runTree(scene.move({ resume: false }, again));
      assert.ok(wire() - before > large.length);
      await assertSameTree(scene);
      assert.ok(!(await partsIn(scene.to)));
    });
  });

  // Waiting for the reason of a lost connection takes its time, so these go side by side.
  describe(`a tree whose connection is lost, by ${direction}`, { concurrency: true }, () => {
    for (const at of [3000, 200_000, 2_500_000])
      it(`goes on by itself when its connection is cut after ${at} bytes, and is whole then`, async (test) => {
        const small = Array.from({ length: 100 }, (_, index) => [`s${index % 7}/${index}`, pattern(index * 10)]);
        const files = { ...Object.fromEntries(small), 's3/large': pattern(4 * MIB + 5) } as TreeFiles;
        const scene = await startScene(test, direction, files, { dataPorts: 'same' });
        const lane = direction === 'download' ? 'down' : 'up';
        const proxy = await startFaultProxy(test, scene.server, [
          { when: 'data', nth: 0, direction: lane, at, fault: { type: 'reset' } },
        ]);
        const client = await startClient(test, proxy, { host: proxy.host, retries: 5 });
        const outcome = await runTree(scene.move({}, client));
        assert.deepEqual(countsOf(outcome), { state: 'completed', files: 101, skipped: 0, failed: 0 });
        // However often some of them moved, each counts once.
        assert.equal(
          outcome.last.bytes,
          Object.values(files).reduce((sum, { length }) => sum + length, 0),
        );
        await assertSameTree(scene);
        assert.ok(proxy.connections('data').length > 1);
      });

    it('goes on by itself when the control connection is cut', async (test) => {
      const files = { ...Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${index}`, pattern(100_000)])) };
      const scene = await startScene(test, direction, files, { dataPorts: 'same' });
      const lane = direction === 'download' ? 'down' : 'up';
      const proxy = await startFaultProxy(test, scene.server, [
        { when: 'data', nth: 0, direction: lane, at: 1_000_000, fault: { type: 'stop' } },
      ]);
      const client = await startClient(test, proxy, { host: proxy.host, retries: 5 });
      const running = runTree(scene.move({}, client));
      await until('a million bytes', () => (proxy.connections('data')[0]?.passed[lane] ?? 0) >= 1_000_000);
      proxy.connections('control')[0]?.strike({ type: 'reset' });
      assert.deepEqual([(await running).last.state], ['completed']);
      await assertSameTree(scene);
    });
  });
}

/** A local store of which some methods do something else first. */
const withHooks = (store: Store, hooks: Partial<Store>): Store =>
  new Proxy(store, {
    get: (target, name: keyof Store): unknown => {
      if (hooks[name] !== undefined) return hooks[name];
      const own: unknown = Reflect.get(target, name);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });

describe('a tree of which the server cannot read everything', () => {
  it('comes without the file that cannot be read, and without the folder that cannot be listed', async (test) => {
    const root = await temporaryFolder(test);
    const store = await LocalFolderStore.open(root);
    const denied = () => new FileError('PERMISSION_DENIED', 'not this one');
    const hooks: Partial<Store> = {
      readSmall: () => Promise.resolve([]),
      open: (path) => (path.at(-1)?.startsWith('secret') ? Promise.reject(denied()) : store.open(path)),
      list: async function* (path) {
        if (path.at(-1) === 'closed') throw denied();
        yield* store.list(path);
      },
    };
    const server = await startServer(test, { store: withHooks(store, hooks) });
    const client = await startClient(test, server);
    const here = await temporaryFolder(test);
    const files = {
      secret: 'small',
      'secret-large': pattern(2 * MIB),
      'closed/a': 'a',
      'open/b': 'b',
      c: pattern(2 * MIB),
    };
    await makeTree(join(root, 'tree'), files);
    const outcome = await runTree(client.downloadTree(['tree'], join(here, 'tree')));
    assert.deepEqual(outcome.problems, [
      'closed PERMISSION_DENIED',
      'secret PERMISSION_DENIED',
      'secret-large PERMISSION_DENIED',
    ]);
    assert.deepEqual(countsOf(outcome), { state: 'completed', files: 2, skipped: 0, failed: 3 });
    assert.deepEqual([...(await readTree(join(here, 'tree'))).keys()], ['c', 'closed', 'open', 'open/b']);
  });

  it('comes without the files that change or vanish while it is sent', async (test) => {
    const root = await temporaryFolder(test);
    const store = await LocalFolderStore.open(root);
    const hooks: Partial<Store> = {
      list: async function* (path) {
        for await (const entry of store.list(path)) {
          if (entry.name === 'longer') await writeFile(join(root, 'tree', 'longer'), 'much longer than it was');
          if (entry.name === 'shorter') await truncate(join(root, 'tree', 'shorter'), MIB);
          if (entry.name === 'vanished')
            await import('node:fs/promises').then(({ rm }) => rm(join(root, 'tree', 'vanished')));
          yield entry;
        }
      },
    };
    const server = await startServer(test, { store: withHooks(store, hooks) });
    const client = await startClient(test, server);
    const here = await temporaryFolder(test);
    await makeTree(join(root, 'tree'), { longer: 'x', shorter: pattern(3 * MIB), vanished: 'v', stays: 's' });
    const outcome = await runTree(client.downloadTree(['tree'], join(here, 'tree')));
    assert.deepEqual(outcome.problems, ['longer SIZE_MISMATCH', 'shorter SIZE_MISMATCH', 'vanished NOT_FOUND']);
    assert.deepEqual((await readdir(join(here, 'tree'))).sort(), ['stays']);
    const again = await runTree(client.downloadTree(['tree'], join(here, 'tree')));
    assert.equal(again.last.state, 'completed');
  });
});

describe('a tree on a server on which others work', () => {
  it('comes without a file that is being uploaded, and goes without one', async (test) => {
    const root = await temporaryFolder(test);
    const server = await startServer(test, { root });
    const client = await startClient(test, server);
    const here = await temporaryFolder(test);
    await makeTree(join(root, 'tree'), { busy: 'old', free: 'f' });
    await makeTree(join(here, 'mine'), { busy: 'mine', free: 'mine too' });
    const other = await openSession(test, server);
    offerOf(await other.ask({ type: 'put', id: 1, path: ['tree', 'busy'] }));
    const down = await runTree(client.downloadTree(['tree'], join(here, 'tree')));
    assert.deepEqual(down.problems, ['busy BUSY']);
    const up = await runTree(client.uploadTree(join(here, 'mine'), ['tree']));
    assert.deepEqual(up.problems, ['busy BUSY']);
    assert.deepEqual(countsOf(up), { state: 'completed', files: 1, skipped: 0, failed: 1 });
  });

  it('is refused by a server that is read-only', async (test) => {
    const server = await startServer(test, { readOnly: true });
    const client = await startClient(test, server);
    const here = await temporaryFolder(test);
    await makeTree(here, { a: 'a' });
    await failsWith('READ_ONLY', runTree(client.uploadTree(here, ['tree'])));
    await failsWith('READ_ONLY', runTree(client.uploadTree(here, [])));
    assert.deepEqual(await readdir(server.root), []);
  });
});
