import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { CliProcess, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { KEY, NO_TERMINAL, Terminal } from '../helpers/terminal.ts';

checkLeaks();

describe('sluice try', () => {
  it('serves a sample for commands, and removes it', async (test) => {
    const env = { TMPDIR: await temporaryFolder(test) };
    const cwd = await temporaryFolder(test);
    const { code, stdout } = await runCli(test, ['try', '-c', 'ls; get hello.txt; cd pub; ls'], { cwd, env });
    assert.equal(code, 0);
    assert.match(
      stdout,
      / {2}hello\.txt\n.* {2}names with blanks\.txt\n.* {2}pub\/\n.*, verified\n\/pub\n.* numbers\.txt\n$/,
    );
    assert.deepEqual(await readdir(cwd), ['hello.txt']);
    assert.deepEqual(await readdir(env.TMPDIR), []);
  });

  it('removes the sample at Ctrl-C too', async (test) => {
    const env = { TMPDIR: await temporaryFolder(test) };
    const cli = new CliProcess(test, ['try'], { env });
    cli.write('ls\n');
    await cli.stdout.waitFor(/pub\/\n/);
    assert.equal((await readdir(env.TMPDIR)).length, 1);
    cli.kill('SIGINT');
    assert.equal((await cli.exited).code, 130);
    assert.deepEqual(await readdir(env.TMPDIR), []);
  });

  it('opens the prompt on a terminal', { skip: NO_TERMINAL }, async (test) => {
    const env = { TMPDIR: await temporaryFolder(test), XDG_STATE_HOME: await temporaryFolder(test) };
    const terminal = new Terminal(test, ['try'], { env });
    await terminal.waitFor(/A server for a sample folder \(.*\) runs on port \d+ until you leave\./);
    await terminal.enter('ls');
    await terminal.waitFor(/hello\.txt\r\n/);
    await terminal.enter(`quit${KEY.enter}`);
    assert.equal(await terminal.exited, 0);
    assert.deepEqual(await readdir(env.TMPDIR), []);
  });
});
