import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { LocalFolderStore } from '../../../lib/index.ts';
import { CliProcess, drippingStore, jsonLines, runCli } from '../../helpers/cli.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';
import { until } from '../../helpers/raw-peer.ts';
import { startServer } from '../../helpers/server.ts';

checkLeaks();

const start = async (test: TestContext, options: Parameters<typeof startServer>[1] = {}) => {
  const server = await startServer(test, options);
  const here = await temporaryFolder(test);
  const connect = ['connect', '127.0.0.1', String(server.port)];
  return {
    ...server,
    here,
    open: () => new CliProcess(test, connect, { cwd: here }),
    pipe: (input: string, ...words: string[]) => runCli(test, [...connect, ...words], { cwd: here, input }),
    commands: (text: string, ...words: string[]) => runCli(test, [...connect, '-c', text, ...words], { cwd: here }),
  };
};

const errorsOf = (stderr: string): string[] =>
  stderr.split('\n').filter((line) => line !== '' && !line.startsWith('connected to '));

describe('the prompt on a pipe', () => {
  it('runs every command, in upper or lower case, and draws neither prompt nor progress', async (test) => {
    const { pipe, here, root } = await start(test);
    await writeFile(join(here, 'a b.txt'), 'hello');
    const script = [
      '# a comment, and an empty line',
      '',
      'MKDIR pub',
      'put "a b.txt"',
      'Upload a\\ b.txt pub/c',
      'cd pub',
      'pwd',
      'ls',
      'GET c',
      'download c copy',
      'mv c d',
      'stat d',
      'delete d',
      'cd ..',
      'RMDIR pub',
      'lpwd',
      'lls',
      'status',
      'help get',
      'abort',
      'disconnect',
      'pwd',
      'quit',
      'ls',
    ].join('\n');
    const { code, stdout, stderr } = await pipe(script);
    assert.equal(code, 0, stderr);
    assert.deepEqual(errorsOf(stderr), []);
    for (const mark of ['ftp>', '\u001b', '\r']) assert.ok(!`${stdout}${stderr}`.includes(mark));
    for (const line of [
      /^\/pub: made$/m,
      /^\S*\/a b\.txt -> \/a b\.txt: 5 B in .*, verified$/m,
      /^\/pub$/m,
      /^5 B {2}\S+ \S+ {2}c$/m,
      /^\/pub\/c -> \S*\/copy: 5 B in .*, verified$/m,
      /^\/pub\/c -> \/pub\/d$/m,
      /^path {6}\/pub\/d$/m,
      /^\/pub\/d: deleted$/m,
      /^\/pub: removed$/m,
      /^connected to {2}127\.0\.0\.1 port \d+$/m,
      /^get, download \[-r\] \[-p\] FILE \[LOCAL\] {2}download a file, with -r a folder.*$/m,
      /^nothing is running$/m,
      /^disconnected$/m,
    ])
      assert.match(stdout, line);
    assert.deepEqual(await readdir(root), ['a b.txt']);
    assert.deepEqual((await readdir(here)).sort(), ['a b.txt', 'c', 'copy']);
  });

  it('runs a last line that has no end, and lines that end as on Windows', async (test) => {
    const { pipe } = await start(test);
    assert.deepEqual(
      (await pipe('mkdir a\r\nls\r\npwd')).stdout.split('\n').map((line) => line.slice(-2)),
      ['de', 'a/', '/', ''],
    );
  });

  it('answers mistakes with one line each, goes on, and ends with the code of the first one', async (test) => {
    const { pipe, here } = await start(test);
    await writeFile(join(here, 'a'), '');
    const script = ['ge a', 'xyzzy', 'get', 'get a b c', 'get "a', 'get missing', 'cd missing', 'put a', 'ls'].join(
      '\n',
    );
    const { code, stdout, stderr } = await pipe(script);
    assert.equal(code, 2);
    assert.deepEqual(errorsOf(stderr), [
      'sluice: unknown command "ge": did you mean get? [OPTION_INVALID]',
      'sluice: unknown command "xyzzy": try help [OPTION_INVALID]',
      'sluice: usage: get [-r] [-p] FILE [LOCAL] [OPTION_INVALID]',
      'sluice: usage: get [-r] [-p] FILE [LOCAL] (put a name with blanks in quotes) [OPTION_INVALID]',
      'sluice: the quote " is not closed [OPTION_INVALID]',
      'sluice: /missing: cannot read: no such file or folder [NOT_FOUND]',
      'sluice: /missing: cannot read: no such file or folder [NOT_FOUND]',
    ]);
    assert.match(stdout, / {2}a\n$/);
  });

  it('leaves at quit though the pipe stays open', async (test) => {
    const { open } = await start(test);
    const cli = open();
    cli.write('quit\n');
    assert.equal((await cli.exited).code, 0);
  });

  it('leaves with 130 at Ctrl-C while it waits, and cancels what runs before that', async (test) => {
    const root = await temporaryFolder(test);
    await writeFile(join(root, 'endless'), '');
    const { open, here } = await start(test, { store: drippingStore(await LocalFolderStore.open(root)) });
    const cli = open();
    cli.write('get endless\n');
    await until('a part file', async () => (await readdir(here)).length > 0);
    cli.kill('SIGINT');
    await cli.stderr.waitFor(/sluice: cancelled \[CANCELLED\]\n/);
    cli.write('pwd\n');
    await cli.stdout.waitFor(/^\/\n/m);
    cli.kill('SIGINT');
    assert.equal((await cli.exited).code, 130);
    assert.deepEqual(await readdir(here), []);
  });

  it('outlives its server, and connects to another', async (test) => {
    const first = await start(test);
    const second = await start(test);
    await mkdir(join(second.root, 'here'));
    const cli = first.open();
    cli.write('mkdir a\n');
    await cli.stdout.waitFor(/made\n/);
    first.close();
    await cli.stderr.waitFor(/the connection was lost \[CLOSED_EARLY\]\n/);
    cli.write('ls\n');
    await cli.stderr.waitFor(/sluice: cannot connect to .* \[CONNECT_FAILED\]\n/);
    cli.write(`connect 127.0.0.1 ${second.port}\nls\n`);
    await cli.stdout.waitFor(/connected to 127\.0\.0\.1 port \d+\n.* here\/\n/);
    cli.end();
    assert.equal((await cli.exited).code, 3);
  });

  it('connects again by itself when its server is back', async (test) => {
    const first = await start(test);
    const cli = first.open();
    cli.write('mkdir pub\ncd pub\n');
    await cli.stdout.waitFor(/\/pub\n/);
    first.close();
    await cli.stderr.waitFor(/connection was lost/);
    await startServer(test, { port: first.port, root: first.root });
    cli.end('mkdir more\npwd\n');
    const { code, stdout, stderr } = await cli.exited;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /\nconnected again\n$/);
    assert.match(stdout, /\/pub\/more: made\n\/pub\n$/);
  });

  it('opens without a server, and says how to get one', async (test) => {
    const { code, stderr } = await runCli(test, ['connect'], { input: 'pwd\nls\n' });
    assert.deepEqual(
      { code, stderr },
      { code: 3, stderr: 'sluice: not connected: say connect HOST [PORT] first [CLOSED_EARLY]\n' },
    );
  });
});

describe('sluice connect -c', () => {
  it('runs commands one after the other, and the rest though one fails', async (test) => {
    const { commands, here, root } = await start(test);
    await writeFile(join(here, 'a;b'), 'hello');
    const { code, stdout, stderr } = await commands('put missing; put "a;b" c ; ls;; quit; ls');
    assert.equal(code, 5);
    assert.match(stdout, /verified\n5 B .* c\n$/);
    assert.deepEqual(errorsOf(stderr).length, 1);
    assert.equal(await readFile(join(root, 'c'), 'utf8'), 'hello');
  });

  it('tells remote trouble from local trouble', async (test) => {
    const { commands, root } = await start(test);
    await writeFile(join(root, 'file'), '');
    const [remote, local] = await Promise.all([commands('cd file'), commands('lcd missing')]);
    assert.deepEqual([remote.code, local.code], [6, 8]);
  });

  it('says one JSON object a line with --json, an entry of a listing too', async (test) => {
    const { commands, here } = await start(test);
    await writeFile(join(here, 'a'), 'hello');
    const { code, stdout, stderr } = await commands('put a; ls; cd nowhere; status; help quit', '--json');
    assert.deepEqual({ code, stderr }, { code: 5, stderr: '' });
    const [put, list, failure, status, help, ...rest] = jsonLines(stdout);
    assert.deepEqual([put?.['type'], put?.['bytes']], ['completed', 5]);
    assert.equal(list?.['name'], 'a');
    assert.deepEqual([failure?.['type'], failure?.['code']], ['error', 'NOT_FOUND']);
    assert.deepEqual([status?.['type'], status?.['connected']], ['status', true]);
    assert.ok(Array.isArray(help));
    assert.deepEqual(rest, []);
  });

  it('says nothing but errors with --quiet', async (test) => {
    const { commands } = await start(test);
    assert.deepEqual(await commands('mkdir a; ls; xyzzy', '--quiet'), {
      code: 2,
      stdout: '',
      stderr: 'sluice: unknown command "xyzzy": try help [OPTION_INVALID]\n',
    });
  });
});
