import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { assertFailed, jsonLines, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { greet, openRawPort } from '../helpers/raw-server.ts';
import { startServer } from '../helpers/server.ts';

checkLeaks();

const RUNS_AS_ROOT = process.getuid?.() === 0 && 'root may do everything';

const start = async (test: TestContext) => {
  const server = await startServer(test);
  const here = await temporaryFolder(test);
  return {
    ...server,
    here,
    there: (...path: string[]) => join(server.root, ...path),
    url: (path: string) => `sluice://127.0.0.1:${server.port}/${path}`,
    run: (...words: string[]) => runCli(test, words, { cwd: here }),
  };
};

/** Runs commands side by side; each has to fail with an exit code, and say why in one line. */
const assertAllFail = async (
  run: (...words: string[]) => ReturnType<typeof runCli>,
  cases: readonly (readonly [words: readonly string[], exitCode: number, errorCode: string])[],
): Promise<void> => {
  const results = await Promise.all(cases.map(([words]) => run(...words)));
  for (const [index, [, exitCode, errorCode]] of cases.entries()) {
    const result = results[index];
    assert.ok(result !== undefined);
    assertFailed(result, exitCode, errorCode);
  }
};

describe('a command that fails', () => {
  it('ends with 3 where no server is', async (test) => {
    const port = await openRawPort(test);
    port.close();
    await assertAllFail(
      (...words) => runCli(test, words),
      [
        [['ls', `sluice://127.0.0.1:${port.port}/`], 3, 'CONNECT_FAILED'],
        [['put', import.meta.filename, `sluice://no-such-host.invalid/a`], 3, 'HOST_NOT_FOUND'],
        [['connect', '127.0.0.1', String(port.port), '-c', 'ls'], 3, 'CONNECT_FAILED'],
      ],
    );
  });

  it('ends with 3 when the server goes away, and with 9 when it never answers', async (test) => {
    const port = await openRawPort(test);
    const url = `sluice://127.0.0.1:${port.port}/`;
    const leaving = runCli(test, ['ls', url]);
    const peer = await greet(port);
    await peer.message();
    peer.socket.destroy();
    assertFailed(await leaving, 3, 'CLOSED_EARLY');
    assertFailed(await runCli(test, ['ls', '--timeout', '0.2', url]), 9, 'HELLO_TIMEOUT');
  });

  it('shows what a server says escaped, in one line', async (test) => {
    const port = await openRawPort(test);
    const running = runCli(test, ['ls', `sluice://127.0.0.1:${port.port}/`]);
    const peer = await greet(port);
    const { id } = await peer.message();
    peer.send({ type: 'error', id, code: 'NOT_FOUND', message: 'gone\n\u001b[2Jsluice: all is well\u202e' });
    const result = await running;
    assertFailed(result, 5, 'NOT_FOUND');
    assert.equal(result.stderr, 'sluice: gone\\u{a}\\u{1b}[2Jsluice: all is well\\u{202e} [NOT_FOUND]\n');
  });

  it('ends with 5 for a file or folder that is not there', async (test) => {
    const { run, url, here, root } = await start(test);
    await writeFile(join(here, 'a'), '');
    await assertAllFail(run, [
      [['get', url('missing-1')], 5, 'NOT_FOUND'],
      [['get', url('missing-2'), '-'], 5, 'NOT_FOUND'],
      [['put', 'missing-3', url('')], 5, 'NOT_FOUND'],
      [['rm', url('missing-4')], 5, 'NOT_FOUND'],
      [['mv', url('missing-5'), url('a')], 5, 'NOT_FOUND'],
    ]);
    assert.deepEqual([await readdir(here), await readdir(root)], [['a'], []]);
  });

  it('ends with 6, or 8 for one of this machine, where a folder is given for a file or the reverse', async (test) => {
    const { run, url, here, there, root } = await start(test);
    // A name for each command that changes something: they run side by side, and would find each other's BUSY.
    await Promise.all(['pub', 'in', 'old'].map((name) => mkdir(there(name))));
    await Promise.all(['a', 'c'].map((name) => writeFile(there(name), name)));
    await mkdir(join(here, 'folder'));
    await writeFile(join(here, 'b'), 'b');
    await assertAllFail(run, [
      [['get', url('pub')], 6, 'NOT_A_FILE'],
      [['get', url('a'), 'b/a'], 8, 'NOT_A_FOLDER'],
      [['put', 'folder', url('d')], 8, 'NOT_A_FILE'],
      [['put', 'b', url('in')], 6, 'NOT_A_FILE'],
      [['rm', url('old')], 6, 'NOT_A_FILE'],
      [['rmdir', url('c')], 6, 'NOT_A_FOLDER'],
    ]);
    assert.deepEqual((await readdir(root)).sort(), ['a', 'c', 'in', 'old', 'pub']);
    assert.deepEqual((await readdir(here)).sort(), ['b', 'folder']);
  });

  it('ends with 6 for a path that leaves the root, however it is written', async (test) => {
    const { run, url, here, root } = await start(test);
    await writeFile(join(here, 'a'), 'a');
    await assertAllFail(run, [
      [['get', url('%2e%2e/%2e%2e/etc/passwd'), '-'], 6, 'PATH_INVALID'],
      [['get', url('..%2f..%2fetc%2fpasswd'), '-'], 6, 'PATH_INVALID'],
      [['put', 'a', url('../a')], 6, 'PATH_INVALID'],
      [['rmdir', '-r', url('a/..')], 6, 'PATH_INVALID'],
      [['rmdir', '-r', url('')], 6, 'PERMISSION_DENIED'],
    ]);
    assert.deepEqual(await readdir(root), []);
  });

  it(
    'ends with 6 where the server may not, and with 8 where this side may not',
    { skip: RUNS_AS_ROOT },
    async (test) => {
      const { run, url, here, there } = await start(test);
      await writeFile(there('secret'), 's', { mode: 0 });
      await writeFile(there('a'), 'a');
      await writeFile(join(here, 'mine'), 'm', { mode: 0 });
      await mkdir(join(here, 'locked'));
      await chmod(join(here, 'locked'), 0o500);
      await assertAllFail(run, [
        [['get', url('secret')], 6, 'PERMISSION_DENIED'],
        [['put', 'mine', url('')], 8, 'PERMISSION_DENIED'],
        [['get', url('a'), 'locked/'], 8, 'PERMISSION_DENIED'],
      ]);
    },
  );

  it('ends with 6 where the server is read-only', async (test) => {
    const { port, root } = await startServer(test, { readOnly: true });
    await writeFile(join(root, 'a'), 'a');
    const url = `sluice://127.0.0.1:${port}/a`;
    await assertAllFail(
      (...words) => runCli(test, words),
      [
        [['put', import.meta.filename, url], 6, 'READ_ONLY'],
        [['rm', url], 6, 'READ_ONLY'],
      ],
    );
    assert.equal(await readFile(join(root, 'a'), 'utf8'), 'a');
  });

  it('ends with 2 for a command line that makes no sense', async (test) =>
    assertAllFail(
      (...words) => runCli(test, words),
      [
        [[], 2, 'OPTION_INVALID'],
        [['serve', '--log-level', 'loud'], 2, 'OPTION_INVALID'],
      ],
    ));

  it('says so on standard output alone with --json', async (test) => {
    const { code, stdout, stderr } = await runCli(test, ['ls', '--json', 'nowhere']);
    assert.deepEqual({ code, stderr }, { code: 2, stderr: '' });
    assert.deepEqual(
      jsonLines(stdout).map((line) => line['code']),
      ['OPTION_INVALID'],
    );
  });
});

describe('sluice', () => {
  it('tells its version and how to use it', async (test) => {
    const [version, help] = await Promise.all([runCli(test, ['--version']), runCli(test, ['--help'])]);
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
    for (const command of ['serve', 'connect', 'get', 'put', 'ls', 'stat', 'rm', 'mkdir', 'rmdir', 'mv', 'try'])
      assert.match(help.stdout, new RegExp(`^  sluice ${command} `, 'm'));
    assert.deepEqual([version.code, help.code, version.stderr, help.stderr], [0, 0, '', '']);
  });
});
