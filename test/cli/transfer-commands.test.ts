import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { LocalFolderStore } from '../../lib/index.ts';
import { CliProcess, assertFailed, drippingStore, jsonLines, runCli } from '../helpers/cli.ts';
import { pattern } from '../helpers/collect.ts';
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
    there: (...path: string[]) => join(server.root, ...path),
    run: (words: readonly string[], input: string | Buffer = '') => runCli(test, words, { cwd: here, input }),
  };
};

const OUTCOME = / -> .+: [\d.]+ k?B in \d+(\.\d)? m?s \([\d.]+ k?M?B\/s\), verified\n$/;

describe('sluice get', () => {
  it('downloads under the same name, under another, and into a folder', async (test) => {
    const { run, url, there, here } = await start(test);
    const content = pattern(300_000);
    await writeFile(there('a.bin'), content);
    await mkdir(join(here, 'folder'));
    const results = await Promise.all(
      [[], ['b.bin'], ['folder'], ['folder/c.bin']].map((to) => run(['get', url('a.bin'), ...to])),
    );
    for (const { code, stdout, stderr } of results) {
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, OUTCOME);
    }
    for (const path of ['a.bin', 'b.bin', 'folder/a.bin', 'folder/c.bin'])
      assert.deepEqual(await readFile(join(here, path)), content);
  });

  it('downloads and uploads in segments, of which there are 1 to 16', async (test) => {
    const { run, url, there, here } = await start(test);
    const content = pattern(5 * 1024 * 1024);
    await writeFile(there('a.bin'), content);
    for (const words of [
      ['get', '--segments', '3', url('a.bin')],
      ['put', '--segments', '16', 'a.bin', url('b.bin')],
    ])
      assert.deepEqual((await run([...words, '--quiet'])).stderr, '');
    assert.deepEqual([await readFile(join(here, 'a.bin')), await readFile(there('b.bin'))], [content, content]);
    for (const count of ['0', '17', '1.5', 'many'])
      assertFailed(await run(['get', '--segments', count, url('a.bin')]), 2, 'OPTION_INVALID');
  });

  it('writes nothing but the content to standard output for -, also with --json', async (test) => {
    const { run, url, there, here } = await start(test);
    const content = 'line one\nline two: Größe 🚰\n'.repeat(10_000);
    await writeFile(there('a.txt'), content);
    for (const words of [
      ['get', url('a.txt'), '-'],
      ['get', '--json', url('a.txt'), '-'],
    ])
      assert.deepEqual(await run(words), { code: 0, stdout: content, stderr: '' });
    assert.deepEqual(await readdir(here), []);
  });

  it('takes remote names with blanks, accents, emoji and a leading dash', async (test) => {
    const { run, url, there, here } = await start(test);
    const names = ['with blank.txt', 'Größe é 🚰.txt', '-x', '100% #1?.txt'];
    await Promise.all(names.map((name) => writeFile(there(name), name)));
    const results = await Promise.all(names.map((name) => run(['get', '-q', url(encodeURIComponent(name))])));
    assert.deepEqual(
      results,
      names.map(() => ({ code: 0, stdout: '', stderr: '' })),
    );
    for (const name of names) assert.equal(await readFile(join(here, name), 'utf8'), name);
  });

  it('says one JSON object a transfer with --json', async (test) => {
    const { run, url, there } = await start(test);
    await writeFile(there('a.txt'), 'hello');
    const { code, stdout, stderr } = await run(['get', '--json', url('a.txt')]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const [{ seconds, ...rest } = {}, ...others] = jsonLines(stdout);
    assert.deepEqual(rest, { type: 'completed', direction: 'download', from: url('a.txt'), to: 'a.txt', bytes: 5 });
    assert.equal(typeof seconds, 'number');
    assert.deepEqual(others, []);
  });

  it('says a failure as one JSON object with its code with --json', async (test) => {
    const { run, url } = await start(test);
    const { code, stdout, stderr } = await run(['get', '--json', url('missing')]);
    assert.deepEqual({ code, stderr }, { code: 5, stderr: '' });
    const [{ message, ...rest } = {}] = jsonLines(stdout);
    assert.deepEqual(rest, { type: 'error', code: 'NOT_FOUND' });
    assert.match(String(message), /missing/);
  });

  it('leaves an existing file alone where it is told to', async (test) => {
    const { run, url, there, here } = await start(test);
    await writeFile(there('a.txt'), 'new');
    await writeFile(join(here, 'a.txt'), 'old');
    assertFailed(await run(['get', '--no-clobber', url('a.txt')]), 6, 'EXISTS');
    const skipped = await run(['get', '--skip-existing', url('a.txt')]);
    assert.equal(skipped.code, 0);
    assert.match(skipped.stdout, / -> a\.txt: skipped, the target stays as it is\n$/);
    assert.deepEqual(await readdir(here), ['a.txt']);
    assert.equal(await readFile(join(here, 'a.txt'), 'utf8'), 'old');
  });

  it('replaces an existing file with --if-newer only by a newer one', async (test) => {
    const { run, url, there, here } = await start(test);
    await writeFile(there('a.txt'), 'new');
    await writeFile(join(here, 'a.txt'), 'old');
    await utimes(there('a.txt'), 1000, 1000);
    assert.match((await run(['get', '--if-newer', url('a.txt')])).stdout, /skipped/);
    assert.equal(await readFile(join(here, 'a.txt'), 'utf8'), 'old');
    await utimes(there('a.txt'), 4e9, 4e9);
    assert.match((await run(['get', '--if-newer', url('a.txt')])).stdout, OUTCOME);
    assert.equal(await readFile(join(here, 'a.txt'), 'utf8'), 'new');
  });

  it('keeps time and permissions with --preserve', async (test) => {
    const { run, url, there, here } = await start(test);
    await writeFile(there('a.sh'), '#!/bin/sh\n', { mode: 0o750 });
    await utimes(there('a.sh'), 1_000_000_000, 1_000_000_000);
    await run(['get', '-p', url('a.sh')]);
    const { mode, mtimeMs } = await stat(join(here, 'a.sh'));
    assert.deepEqual({ mode: mode & 0o777, mtimeMs }, { mode: 0o750, mtimeMs: 1_000_000_000_000 });
  });

  it('works with --client-listens', async (test) => {
    const { run, url, there } = await start(test);
    await writeFile(there('a.txt'), 'hello');
    assert.equal((await run(['get', '--client-listens', url('a.txt'), '-'])).stdout, 'hello');
  });

  it('ends well when the reader of its output has enough', async (test) => {
    const { url, there } = await start(test);
    await writeFile(there('big'), pattern(4_000_000));
    const cli = new CliProcess(test, ['get', url('big'), '-']);
    cli.end();
    await cli.stdout.waitFor(/[^]/);
    cli.closeOutput();
    assert.equal((await cli.exited).code, 0);
  });

  it('fails when its output cannot be written', async (test) => {
    const { url, there } = await start(test);
    await writeFile(there('a.txt'), 'hello');
    const { code, stderr } = await runCli(test, ['get', url('a.txt'), '-'], { output: '/dev/full' });
    assert.equal(code, 8);
    assert.match(stderr, /^sluice: [^\n]+\n$/);
  });

  it('ends with 130 at Ctrl-C and, told not to resume, leaves nothing half done', async (test) => {
    const root = await temporaryFolder(test);
    await writeFile(join(root, 'endless'), '');
    const store = drippingStore(await LocalFolderStore.open(root));
    const { url, here, events } = await start(test, { store });
    const toFile = new CliProcess(test, ['get', '--no-resume', url('endless')], { cwd: here });
    const toOutput = new CliProcess(test, ['get', url('endless'), '-'], { cwd: here });
    await Promise.all([
      toOutput.stdout.waitFor(/[^]/),
      until('a part file', async () => (await readdir(here)).length > 0),
    ]);
    for (const cli of [toFile, toOutput]) cli.kill('SIGINT');
    for (const { code, stderr } of await Promise.all([toFile.exited, toOutput.exited]))
      assert.deepEqual({ code, stderr }, { code: 130, stderr: 'sluice: cancelled [CANCELLED]\n' });
    assert.deepEqual(await readdir(here), []);
    assert.ok(events.length > 0);
  });
});

describe('sluice put', () => {
  it('uploads to a name, into a folder, and several files at once', async (test) => {
    const { run, url, there, here } = await start(test);
    const content = pattern(300_000);
    await Promise.all(['a', 'b', '007', 'x y'].map((name) => writeFile(join(here, name), content)));
    await mkdir(there('pub'));
    const results = await Promise.all([run(['put', 'a', url('c')]), run(['put', 'a', 'b', '007', 'x y', url('pub/')])]);
    assert.deepEqual(
      results.map(({ code, stderr }) => ({ code, stderr })),
      [
        { code: 0, stderr: '' },
        { code: 0, stderr: '' },
      ],
    );
    assert.match(results[0].stdout, OUTCOME);
    assert.equal(results[1].stdout.match(/, verified\n/g)?.length, 4);
    for (const path of ['c', 'pub/a', 'pub/b', 'pub/007', 'pub/x y'])
      assert.deepEqual(await readFile(there(path)), content);
  });

  it('takes local names with blanks, accents, emoji and a leading dash', async (test) => {
    const { run, url, here, root } = await start(test);
    const names = ['with blank.txt', 'Größe é.txt', '🚰.txt', '-x', '--json', 'a=b', '#1?%20'];
    await Promise.all(names.map((name) => writeFile(join(here, name), name)));
    assert.deepEqual(await run(['put', '-q', '--', ...names, url('')]), { code: 0, stdout: '', stderr: '' });
    assert.deepEqual((await readdir(root)).sort(), [...names].sort());
    assert.equal((await run(['put', './-x', url('dotted')])).code, 0);
    assert.equal(await readFile(join(root, 'dotted'), 'utf8'), '-x');
  });

  it('refuses two files of one name, before it moves any', async (test) => {
    const { run, url, there, here } = await start(test);
    await mkdir(join(here, 'folder'));
    await Promise.all(['a', 'folder/a'].map((name) => writeFile(join(here, name), name)));
    assertFailed(await run(['put', 'a', 'folder/a', url('')]), 2, 'OPTION_INVALID');
    assert.deepEqual(await readdir(there()), []);
  });

  it('tries every file, and ends with the code of the first one that failed', async (test) => {
    const { run, url, there, here } = await start(test);
    await writeFile(join(here, 'last'), 'last');
    await mkdir(join(here, 'folder'));
    const { code, stderr } = await run(['put', 'missing', 'folder', 'last', url('')]);
    assert.equal(code, 5);
    assert.match(stderr, /^sluice: missing: .+ \[NOT_FOUND\]\nsluice: folder: .+ \[NOT_A_FILE\]\n$/);
    assert.deepEqual(await readdir(there()), ['last']);
  });

  it('uploads standard input for -', async (test) => {
    const { run, url, there } = await start(test);
    const content = pattern(1_000_000);
    assert.equal((await run(['put', '-', url('in')], content)).code, 0);
    assert.deepEqual(await readFile(there('in')), content);
    assert.equal((await run(['put', '-', url('empty')], '')).code, 0);
    assert.equal((await stat(there('empty'))).size, 0);
  });

  it('leaves an existing remote file alone where it is told to', async (test) => {
    const { run, url, there, here, root } = await start(test);
    await writeFile(there('a.txt'), 'old');
    await writeFile(join(here, 'a.txt'), 'new');
    assertFailed(await run(['put', '--no-clobber', 'a.txt', url('')]), 6, 'EXISTS');
    assertFailed(await run(['put', '--no-clobber', '-', url('a.txt')], 'new'), 6, 'EXISTS');
    assert.match((await run(['put', '--skip-existing', 'a.txt', url('')])).stdout, /skipped/);
    await utimes(join(here, 'a.txt'), 1000, 1000);
    assert.match((await run(['put', '--if-newer', 'a.txt', url('')])).stdout, /skipped/);
    assert.equal(await readFile(there('a.txt'), 'utf8'), 'old');
    await utimes(join(here, 'a.txt'), 4e9, 4e9);
    const { stdout } = await run(['put', '--if-newer', '--json', 'a.txt', url('')]);
    assert.deepEqual(
      jsonLines(stdout).map(({ type }) => type),
      ['completed'],
    );
    assert.equal(await readFile(there('a.txt'), 'utf8'), 'new');
    assert.deepEqual(await readdir(root), ['a.txt']);
  });

  it('keeps time and permissions with --preserve', async (test) => {
    const { run, url, there, here } = await start(test);
    await writeFile(join(here, 'a.sh'), '#!/bin/sh\n', { mode: 0o750 });
    await utimes(join(here, 'a.sh'), 1_000_000_000, 1_000_000_000);
    await run(['put', '--preserve', 'a.sh', url('')]);
    const { mode, mtimeMs } = await stat(there('a.sh'));
    assert.deepEqual({ mode: mode & 0o777, mtimeMs }, { mode: 0o750, mtimeMs: 1_000_000_000_000 });
  });
});
