import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { CliProcess, type CliOptions, assertFailed, jsonLines, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { connectRawData, offerOf, openSession, until } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';

checkLeaks();

const listening = async (test: TestContext, words: readonly string[] = [], options: CliOptions = {}) => {
  const root = await temporaryFolder(test);
  const server = new CliProcess(test, ['serve', '0', '--root', root, ...words], options);
  const [, host = '', port = ''] = await server.stderr.waitFor(/"msg":"listening on ([^" ]+) port (\d+) \(native\)"/);
  return { server, root, host, port: Number(port) };
};

const LARGE = 64 * 1024 * 1024;

/** A download of 64 MiB that stands still, because its reader does not read. */
const heldDownload = async (test: TestContext, { root, port }: { root: string; port: number }) => {
  await writeFile(join(root, 'large'), '');
  await truncate(join(root, 'large'), LARGE);
  const session = await openSession(test, { port });
  const data = await connectRawData(test, offerOf(await session.ask({ type: 'get', id: 1, path: ['large'] })));
  const begun = Number((await data.bytes(10)).toString());
  return { session, data, begun };
};

/** Reads what is left of a held download, and confirms it. */
const finish = async ({ session, data, begun }: Awaited<ReturnType<typeof heldDownload>>): Promise<void> => {
  await data.bytes(begun);
  const { content, trailer } = await data.content();
  assert.equal(begun + content.length, LARGE);
  session.send({ type: 'receipt', id: 1, ...trailer });
};

const isRefused = async (port: number): Promise<boolean> => {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
};

describe('sluice serve', () => {
  it('logs what happens as JSON lines on standard error', async (test) => {
    const { server, root, port } = await listening(test);
    await writeFile(join(root, 'a\u202e.txt'), 'hello');
    const url = `sluice://127.0.0.1:${port}`;
    assert.equal((await runCli(test, ['get', `${url}/a%E2%80%AE.txt`, '-'])).stdout, 'hello');
    assert.equal((await runCli(test, ['put', '-', `${url}/no/such/folder`], { input: 'x' })).code, 5);
    server.kill('SIGINT');
    const { code, stdout, stderr } = await server.exited;
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
    const lines = jsonLines(stderr);
    const named = (text: RegExp) => lines.filter(({ msg }) => text.test(String(msg)));
    assert.deepEqual(
      named(/^listening/).map((line) => [line['host'], line['port'], line['level']]),
      [['127.0.0.1', port, 30]],
    );
    assert.deepEqual(
      named(/^session opened/).map((line) => [line['session'], line['address']]),
      [
        [1, '127.0.0.1'],
        [2, '127.0.0.1'],
      ],
    );
    assert.equal(named(/^session closed/).length, 2);
    const [download, upload] = [named(/^download/)[0] ?? {}, named(/^upload/)[0] ?? {}];
    assert.deepEqual(
      ['session', 'direction', 'path', 'bytes', 'outcome', 'level'].map((field) => download[field]),
      [1, 'download', '/a\\u{202e}.txt', 5, 'completed', 30],
    );
    assert.equal(typeof download['seconds'], 'number');
    assert.equal(typeof download['rate'], 'number');
    assert.match(String(download['msg']), /^download \/a\\u\{202e\}\.txt: 5 B in .* completed$/);
    assert.deepEqual(
      ['session', 'path', 'outcome', 'code', 'level'].map((field) => upload[field]),
      [2, '/no/such/folder', 'failed', 'NOT_FOUND', 40],
    );
    assert.equal(named(/^stopping/).length, 1);
  });

  it('tells of changes, and at --log-level debug of every command, how they ended', async (test) => {
    const root = await temporaryFolder(test);
    const flags = ['--dialect', 'cloud'];
    const server = new CliProcess(test, ['serve', '0', ...flags, '--root', root, '--log-level', 'debug']);
    const [, port = ''] = await server.stderr.waitFor(/"msg":"listening on [^" ]+ port (\d+) /);
    const input = 'mkdir d\nls\nrm d/a.txt\nquit\n';
    await runCli(test, ['connect', '127.0.0.1', port, ...flags], { input });
    server.kill('SIGINT');
    const lines = jsonLines((await server.exited).stderr).filter(({ command }) => command !== undefined);
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        [30, 'makeFolder /d completed'],
        [20, 'list / begun'],
        [20, 'stat /d completed'],
        [40, 'remove /d/a.txt failed: /d/a.txt: cannot delete: no such file or folder'],
        [20, 'stat / completed'],
      ],
    );
  });

  it('says nothing where it is told to be silent', async (test) => {
    const root = await temporaryFolder(test);
    const port = await openRawPort(test);
    port.close();
    const server = new CliProcess(test, ['serve', String(port.port), '--root', root, '--log-level', 'silent']);
    await until('a server that listens', async () => !(await isRefused(port.port)));
    server.kill('SIGTERM');
    assert.deepEqual(await server.exited, { code: 0, stdout: '', stderr: '' });
  });

  it('does not start with what cannot work', async (test) => {
    const taken = await openRawPort(test);
    const root = await temporaryFolder(test);
    const cases = [
      [['65536'], 2, 'OPTION_INVALID'],
      [['0', '--host', '0.0.0.0'], 2, 'OPTION_INVALID'],
      [['0', '--dialect', 'gopher'], 2, 'OPTION_INVALID'],
      [['--listen', 'gopher:0'], 2, 'OPTION_INVALID'],
      [['0', '--root', 'no-such-folder'], 5, 'NOT_FOUND'],
      [[String(taken.port)], 1, 'LISTEN_FAILED'],
    ] as const;
    const results = await Promise.all(cases.map(([words]) => runCli(test, ['serve', ...words], { cwd: root })));
    for (const [index, [, exitCode, errorCode]] of cases.entries()) {
      const result = results[index];
      assert.ok(result !== undefined);
      assertFailed(result, exitCode, errorCode);
    }
  });

  it('listens for other machines with --anonymous, and serves the current folder', async (test) => {
    const cwd = await temporaryFolder(test);
    await writeFile(join(cwd, 'a.txt'), 'hello');
    const server = new CliProcess(test, ['serve', '0', '--host', '0.0.0.0', '--anonymous'], { cwd });
    const [, port = ''] = await server.stderr.waitFor(/"msg":"listening on 0\.0\.0\.0 port (\d+) \(native\)"/);
    assert.equal((await runCli(test, ['get', `sluice://127.0.0.1:${port}/a.txt`, '-'])).stdout, 'hello');
  });

  it('listens on as many ports as it is told', async (test) => {
    const words = ['serve', '--listen', 'native:0', '0', '--listen=native:0', '--log-level', 'info'];
    const server = new CliProcess(test, words, { cwd: await temporaryFolder(test) });
    const ports = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      const [, port = ''] = await server.stderr.waitFor(/"msg":"listening on [^" ]+ port (\d+) \(native\)"/);
      const { code } = await runCli(test, ['ls', '--dialect', 'native', `sluice://127.0.0.1:${port}/`]);
      assert.equal(code, 0);
      ports.add(port);
    }
    assert.equal(ports.size, 3);
    server.kill('SIGINT');
    assert.equal((await server.exited).code, 0);
  });

  it('lets a running transfer end at the first Ctrl-C, takes nothing new, and leaves with 0', async (test) => {
    const { server, root, port } = await listening(test);
    const download = await heldDownload(test, { root, port });
    server.kill('SIGINT');
    await server.stderr.waitFor(/"msg":"stopping/);
    await until('a port that is closed', () => isRefused(port));
    await finish(download);
    const { code, stderr } = await server.exited;
    assert.equal(code, 0);
    assert.deepEqual(
      jsonLines(stderr)
        .filter((line) => line['direction'] === 'download')
        .map((line) => [line['bytes'], line['outcome']]),
      [[LARGE, 'completed']],
    );
  });

  it('lets a client whose transfer ends meanwhile leave with 0', async (test) => {
    const { server, root, port } = await listening(test);
    const client = new CliProcess(test, ['put', '-', `sluice://127.0.0.1:${port}/file`]);
    client.write('half');
    await until('an upload that has begun', async () => (await readdir(root)).length === 1);
    server.kill('SIGINT');
    await server.stderr.waitFor(/"msg":"stopping/);
    client.end(' and the rest');
    const { code, stderr } = await client.exited;
    assert.deepEqual([code, /sluice: /.test(stderr)], [0, false]);
    assert.equal(await readFile(join(root, 'file'), 'utf8'), 'half and the rest');
    await server.exited;
  });

  it('ends at once at the second Ctrl-C, with 130', async (test) => {
    const { server, root, port } = await listening(test);
    const { session, data } = await heldDownload(test, { root, port });
    server.kill('SIGINT');
    await server.stderr.waitFor(/"msg":"stopping/);
    // One right behind the first is taken for the same Ctrl-C, delivered twice.
    const again = setInterval(() => server.kill('SIGINT'), 50);
    test.after(() => clearInterval(again));
    const { code, stderr } = await server.exited;
    clearInterval(again);
    assert.equal(code, 130);
    assert.match(stderr, /\nsluice: cancelled \[CANCELLED\]\n$/);
    await Promise.all([session.rest(), data.rest()]);
  });
});
