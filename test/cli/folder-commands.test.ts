import assert from 'node:assert/strict';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { assertFailed, jsonLines, runCli } from '../helpers/cli.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startServer } from '../helpers/server.ts';

checkLeaks();

const start = async (test: TestContext) => {
  const server = await startServer(test);
  return {
    root: server.root,
    there: (...path: string[]) => join(server.root, ...path),
    url: (path: string) => `sluice://127.0.0.1:${server.port}/${path}`,
    run: (...words: string[]) => runCli(test, words),
  };
};

describe('sluice ls', () => {
  it('lists a folder for people and for programs, and shows a file alone', async (test) => {
    const { run, url, there } = await start(test);
    await mkdir(there('pub'));
    await writeFile(there('evil\u202etxt'), '');
    await writeFile(there('a.txt'), 'hello');
    for (const name of ['a.txt', 'pub', 'evil\u202etxt']) await utimes(there(name), 1_000_000_000, 1_000_000_000);
    const [people, programs, one] = await Promise.all([
      run('ls', url('')),
      run('dir', '--json', url('')),
      run('ls', url('a.txt')),
    ]);
    const time = /\d{4}-\d\d-\d\d \d\d:\d\d/g;
    assert.equal(
      people.stdout.replace(time, 'TIME'),
      '5 B  TIME  a.txt\n0 B  TIME  evil\\u{202e}txt\n  -  TIME  pub/\n',
    );
    assert.deepEqual(
      jsonLines(programs.stdout)
        .map(({ name, kind, size, modified }) => [name, kind, size, modified])
        .sort(),
      [
        ['a.txt', 'file', 5, 1e12],
        ['evil\u202etxt', 'file', 0, 1e12],
        ['pub', 'folder', 0, 1e12],
      ],
    );
    assert.equal(one.stdout.replace(time, 'TIME'), '5 B  TIME  a.txt\n');
    for (const { code, stderr } of [people, programs, one]) assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  it('says nothing about an empty folder', async (test) => {
    const { run, url } = await start(test);
    assert.deepEqual(await run('ls', url('')), { code: 0, stdout: '', stderr: '' });
  });
});

describe('sluice stat', () => {
  it('shows what is there, as lines or as one object', async (test) => {
    const { run, url, there } = await start(test);
    await writeFile(there('with blank'), 'hello', { mode: 0o640 });
    await utimes(there('with blank'), 1_000_000_000, 1_000_000_000);
    const [people, programs] = await Promise.all([
      run('stat', url('with%20blank')),
      run('stat', '--json', url('with%20blank')),
    ]);
    assert.equal(
      people.stdout,
      'path      /with blank\nkind      file\nsize      5 bytes (5 B)\nmodified  2001-09-09T01:46:40.000Z\nmode      0640\n',
    );
    assert.deepEqual(jsonLines(programs.stdout), [
      { name: 'with blank', kind: 'file', size: 5, modified: 1e12, mode: 0o640 },
    ]);
  });
});

describe('sluice mkdir, mv, rm and rmdir', () => {
  it('change what is on the server and say so', async (test) => {
    const { run, url, root, there } = await start(test);
    await writeFile(there('-x y'), '');
    assert.deepEqual(await run('mkdir', url('new')), { code: 0, stdout: `${url('new')}: made\n`, stderr: '' });
    assert.deepEqual(await run('mv', url('-x%20y'), url('z')), {
      code: 0,
      stdout: `${url('-x%20y')} -> ${url('z')}\n`,
      stderr: '',
    });
    const moved = await run('move', '--json', url('z'), url('new'));
    assert.deepEqual(jsonLines(moved.stdout), [{ type: 'moved', from: url('z'), to: url('new') }]);
    assert.deepEqual(await readdir(there('new')), ['z']);
    assertFailed(await run('rmdir', url('new')), 6, 'FOLDER_NOT_EMPTY');
    assert.deepEqual(await run('rm', url('new/z')), { code: 0, stdout: `${url('new/z')}: deleted\n`, stderr: '' });
    assert.deepEqual(await run('rmdir', '--quiet', url('new')), { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(await readdir(root), []);
  });

  it('take a slash behind a name for a folder, which a file does not become', async (test) => {
    const { run, url, there } = await start(test);
    await writeFile(there('file'), '');
    await mkdir(there('old'));
    assertFailed(await run('mv', url('file'), url('new/')), 5, 'NOT_FOUND');
    assert.equal((await run('mv', url('old'), url('new/'))).code, 0);
    assert.equal((await run('mv', url('file'), url('new/'))).code, 0);
    assert.deepEqual(await readdir(there('new')), ['file']);
  });

  it('remove a folder with all that is in it for -r only', async (test) => {
    const { run, url, root, there } = await start(test);
    await mkdir(there('deep', 'er'), { recursive: true });
    await writeFile(there('deep', 'er', 'a'), '');
    const { code, stdout } = await run('rmdir', '-r', '--json', url('deep/'));
    assert.equal(code, 0);
    assert.deepEqual(jsonLines(stdout), [{ type: 'removed', url: url('deep/') }]);
    assert.deepEqual(await readdir(root), []);
  });
});
