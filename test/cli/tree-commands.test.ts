import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { LocalFolderStore } from '../../lib/index.ts';
import { CliProcess, assertFailed, drippingStore, jsonLines, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { until } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';

checkLeaks();

/** A server, a folder of this side, and a way to run a command there. */
const start = async (test: TestContext, options: Parameters<typeof startServer>[1] = {}) => {
  const server = await startServer(test, options);
  const here = await temporaryFolder(test);
  return {
    ...server,
    here,
    url: (path: string) => `sluice://127.0.0.1:${server.port}/${path}`,
    run: (...words: readonly string[]) => runCli(test, words, { cwd: here }),
    commands: (text: string, ...words: string[]) =>
      runCli(test, ['connect', '127.0.0.1', String(server.port), '-c', text, ...words], { cwd: here }),
  };
};

const FILES = { 'a.txt': 'one', 'sub/b.txt': 'two', 'sub/deep/c.txt': 'three' };

const fill = async (folder: string, files: Readonly<Record<string, string>> = FILES): Promise<void> => {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
};

/** Every file below a folder with its content. */
const filesOf = async (folder: string): Promise<Record<string, string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pairs = paths
    .sort()
    .map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const);
  return Object.fromEntries(await Promise.all(pairs));
};

const SUMMARY = / -> .+: 3 files, 11 B in \d+(\.\d)? m?s \([\d.]+ k?M?B\/s\), verified\n$/;

describe('sluice get -r', () => {
  it('downloads a folder under its own name, under another, and into a folder', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'));
    await mkdir(join(here, 'into'));
    const results = await Promise.all(
      [[], ['copy'], ['into/'], ['new/']].map((to) => run('get', '-r', url('photos'), ...to)),
    );
    const [last, ...others] = results.reverse();
    for (const { code, stdout, stderr } of others) {
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, SUMMARY);
    }
    for (const place of ['photos', 'copy', 'into/photos']) assert.deepEqual(await filesOf(join(here, place)), FILES);
    // As for a single file: the folder that takes it must be there.
    assert.equal(last?.code, 5);
  });

  it('goes on in the same place when it is said again, also where that is named', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'));
    for (const to of ['copy', './copy', join(here, 'copy')])
      assert.equal((await run('get', '-r', url('photos'), to)).code, 0);
    assert.deepEqual(await filesOf(join(here, 'copy')), FILES);
    await run('get', '-r', url('photos'), '.');
    assert.deepEqual(await filesOf(join(here, 'photos')), FILES);
  });

  it('downloads the root into a folder that is named, and a file as without -r', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(root);
    assertFailed(await run('get', '-r', url('')), 2, 'OPTION_INVALID');
    assert.equal((await run('get', '-r', url(''), 'all')).code, 0);
    assert.deepEqual(await filesOf(join(here, 'all')), FILES);
    assert.match((await run('get', '-r', url('a.txt'))).stdout, / -> a\.txt: 3 B in /);
  });

  it('moves only what is missing or differs the second time', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'));
    await run('get', '-r', url('photos'));
    assert.match((await run('get', '-r', url('photos'))).stdout, /: no new files, in /);
    await writeFile(join(root, 'photos', 'sub', 'b.txt'), 'longer');
    assert.match((await run('get', '-r', url('photos'))).stdout, /: 1 file, 6 B in /);
    assert.equal(await readFile(join(here, 'photos', 'sub', 'b.txt'), 'utf8'), 'longer');
  });

  it('tells each thing that fails, gets the others, and ends with the code of the first one', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'));
    await symlink('a.txt', join(root, 'photos', 'li\u001b[2Jnk'.replace('\u001b', '\u202e')));
    const { code, stdout, stderr } = await run('get', '-r', url('photos'));
    assert.equal(code, 6);
    assert.match(stderr, /^sluice: \/li\\u\{202e\}\[2Jnk: is a symbolic link, which is not copied \[UNSUPPORTED\]\n$/);
    assert.match(stdout, /: 3 files, 11 B in .*, verified, 1 failed\n$/);
    assert.deepEqual(await filesOf(join(here, 'photos')), FILES);
  });

  it('names what differs from another name only by case, and gets the others', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'), { 'a.txt': '1', 'A.txt': '2', b: '3' });
    const { code, stdout, stderr } = await run('get', '-r', url('photos'));
    assert.equal(code, 6);
    assert.match(stderr, /^sluice: \/[aA]\.txt: differs only by case from another name, .+ \[PATH_INVALID\]\n$/);
    assert.match(stdout, /: 2 files, 2 B in .*, verified, 1 failed\n$/);
    assert.equal((await readdir(join(here, 'photos'))).length, 2);
  });

  it('says one object for each problem and one result with --json', async (test) => {
    const { run, url, root } = await start(test);
    await fill(join(root, 'photos'));
    await symlink('a.txt', join(root, 'photos', 'link'));
    const { code, stdout, stderr } = await run('get', '-r', '--json', url('photos'));
    assert.deepEqual({ code, stderr }, { code: 6, stderr: '' });
    const [{ message, ...problem } = {}, { seconds, ...result } = {}, ...others] = jsonLines(stdout);
    assert.deepEqual(problem, { type: 'problem', path: ['link'], code: 'UNSUPPORTED' });
    assert.match(String(message), /symbolic link/);
    assert.deepEqual(result, {
      type: 'completed',
      direction: 'download',
      from: url('photos'),
      to: 'photos',
      files: 3,
      bytes: 11,
      skipped: 0,
      failed: 1,
    });
    assert.equal(typeof seconds, 'number');
    assert.deepEqual(others, []);
  });

  it('is what get asks for where it is given a folder', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'));
    const withoutSlash = await run('get', url('photos'));
    assertFailed(withoutSlash, 6, 'NOT_A_FILE');
    assert.match(withoutSlash.stderr, /is a folder; get -r /);
    const withSlash = await run('get', url('photos/'));
    assertFailed(withSlash, 2, 'OPTION_INVALID');
    assert.match(withSlash.stderr, /get -r/);
    assertFailed(await run('get', '-r', url('photos'), '-'), 2, 'OPTION_INVALID');
    assert.deepEqual(await readdir(here), []);
  });

  it('leaves existing files alone where it is told to', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(root, 'photos'));
    await fill(join(here, 'photos'), { 'a.txt': 'mine!' });
    assert.match((await run('get', '-r', '--skip-existing', url('photos'))).stdout, /: 2 files.*, 1 skipped\n$/);
    const refused = await run('get', '-r', '--no-clobber', url('photos'));
    assert.equal(refused.code, 6);
    assert.match(refused.stderr, /a\.txt.*\[EXISTS\]\n$/);
    assert.equal(await readFile(join(here, 'photos', 'a.txt'), 'utf8'), 'mine!');
  });

  it('ends with 130 at Ctrl-C, and keeps the files that are done', async (test) => {
    const root = await temporaryFolder(test);
    await fill(join(root, 'photos'), { endless: '' });
    await truncate(join(root, 'photos', 'endless'), 2 ** 28);
    const { url, here } = await start(test, { store: drippingStore(await LocalFolderStore.open(root)) });
    const cli = new CliProcess(test, ['get', '-r', url('photos')], { cwd: here });
    await until('a part file', async () => (await readdir(join(here, 'photos')).catch(() => [])).length > 0);
    cli.kill('SIGINT');
    const { code, stderr } = await cli.exited;
    assert.deepEqual({ code, stderr }, { code: 130, stderr: 'sluice: cancelled [CANCELLED]\n' });
  });
});

describe('sluice put -r', () => {
  it('uploads folders and files mixed, each under its own name, with time and permissions', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(here, 'photos'));
    await writeFile(join(here, 'single'), 'x');
    await mkdir(join(root, 'inbox'));
    await utimes(join(here, 'photos', 'a.txt'), 1_000_000_000, 1_000_000_000);
    const { code, stdout, stderr } = await run('put', '-r', 'photos/', 'single', url('inbox/'));
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.match(stdout, /^photos\/ -> \/inbox\/photos: 3 files, 11 B in .*\nsingle -> \/inbox\/single: 1 B in .*\n$/);
    assert.deepEqual(await filesOf(join(root, 'inbox', 'photos')), FILES);
    assert.equal((await stat(join(root, 'inbox', 'photos', 'a.txt'))).mtimeMs, 1_000_000_000_000);
  });

  it('gives a folder the URL’s path where that does not end in a slash', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(here, 'photos'));
    assert.equal((await run('put', '-r', 'photos', url('backup'))).code, 0);
    assert.equal((await runCli(test, ['put', '-r', '.', url('')], { cwd: join(here, 'photos') })).code, 0);
    for (const name of ['backup', 'photos']) assert.deepEqual(await filesOf(join(root, name)), FILES);
  });

  it('tells each thing that fails once, and ends with the code of the first one', async (test) => {
    const { run, url, root, here } = await start(test);
    await fill(join(here, 'photos'));
    await symlink('a.txt', join(here, 'photos', 'link'));
    await mkdir(join(root, 'photos', 'a.txt'), { recursive: true });
    const { code, stdout, stderr } = await run('put', '-r', 'photos', url(''));
    assert.equal(stderr.match(/link/g)?.length, 2, stderr);
    assert.equal(stderr.match(/^sluice: /gm)?.length, 2, stderr);
    assert.notEqual(code, 0);
    assert.match(stdout, /: 2 files, .*, 2 failed\n$/);
    assert.deepEqual(await filesOf(join(root, 'photos')), { 'sub/b.txt': 'two', 'sub/deep/c.txt': 'three' });
  });

  it('is what put asks for where it is given a folder', async (test) => {
    const { run, url, here } = await start(test);
    await fill(join(here, 'photos'));
    const result = await run('put', 'photos', url(''));
    assertFailed(result, 8, 'NOT_A_FILE');
    assert.match(result.stderr, /photos: is a folder; put -r /);
  });
});

describe('the prompt', () => {
  it('gets and puts folders with -r, and takes -- for a name like a flag', async (test) => {
    const { commands, root, here } = await start(test);
    await fill(join(here, 'photos'));
    await writeFile(join(here, '-r'), 'odd');
    await mkdir(join(root, 'inbox'));
    const script =
      'put -r photos; put -r photos inbox; get -r photos copy; put -- -r; put photos; get photos; rmdir -r inbox';
    const { code, stderr } = await commands(script);
    assert.match(stderr, /put -r .*\[NOT_A_FILE\]\n.*get -r .*\[NOT_A_FILE\]\n$/);
    assert.notEqual(code, 0);
    assert.deepEqual(await filesOf(join(root, 'photos')), FILES);
    assert.deepEqual(await filesOf(join(here, 'copy')), FILES);
    assert.deepEqual((await readdir(root)).sort(), ['-r', 'photos']);
  });

  it('gets and puts the files that match a pattern, and one that fails harms no other', async (test) => {
    const { commands, root, here } = await start(test);
    await fill(here, { 'a.txt': 'a', 'b.txt': 'b', 'c.md': 'c', '.hidden.txt': 'h', 'sub/d (1).txt': 'd' });
    await mkdir(join(root, 'a.txt'));
    const put = await commands('mput *.txt "sub/d (1)*"');
    assert.match(put.stderr, /a\.txt.*\[NOT_A_FILE\]\n$/);
    assert.equal(put.code, 6);
    assert.deepEqual((await readdir(root)).sort(), ['a.txt', 'b.txt', 'd (1).txt']);
    const there = await commands('lcd sub; mget [b-z]*.txt; mget *.nothing');
    assert.match(there.stderr, /\*\.nothing: no file matches \[NOT_FOUND\]\n$/);
    assert.deepEqual((await readdir(join(here, 'sub'))).sort(), ['b.txt', 'd (1).txt']);
    assert.match((await commands('mput -r s*')).stdout, /sub: 2 files/);
  });

  it('has nothing to take up where nothing broke off', async (test) => {
    const { commands } = await start(test);
    const { code, stdout, stderr } = await commands('jobs; get missing; resume; resume 7; resume x');
    assert.equal(code, 5);
    assert.equal(stdout, 'nothing runs, and nothing broke off\n');
    assert.match(stderr, /nothing broke off in this session .*\n.*no transfer 7 .*\n.*"x" is not the number of a job/);
  });

  it('takes up a transfer that was cancelled', async (test) => {
    const root = await temporaryFolder(test);
    await writeFile(join(root, 'endless'), '');
    const { port, here } = await start(test, { store: drippingStore(await LocalFolderStore.open(root)) });
    const cli = new CliProcess(test, ['connect', '127.0.0.1', String(port)], { cwd: here });
    cli.write('get endless\n');
    const isGetting = async () => (await readdir(here)).length > 0;
    await until('a part file', isGetting);
    cli.kill('SIGINT');
    await cli.stderr.waitFor(/cancelled \[CANCELLED\]\n/);
    cli.write('jobs\n');
    await cli.stdout.waitFor(/^1 {2}download {2}\/endless -> .*endless: cancelled \[CANCELLED\]\n/m);
    await until('the part to be left', async () => !(await isGetting()));
    cli.write('resume 1\n');
    await cli.stderr.waitFor(/^1 {2}download {2}\/endless -> /m);
    await until('a part file again', isGetting);
    cli.kill('SIGINT');
    await cli.stderr.waitFor(/sluice: cancelled \[CANCELLED\]\n/);
    cli.end('jobs\n');
    assert.equal((await cli.exited).code, 130);
  });
});
