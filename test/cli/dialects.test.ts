import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DIALECT_NAMES } from '../../lib/index.ts';
import { CliProcess, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const CLASSIC = DIALECT_NAMES.filter((name) => name !== 'native');

describe('sluice with classic dialects', () => {
  it('serves all of them at once, and talks to each at the prompt and by single commands', async (test) => {
    const [root, here] = [await temporaryFolder(test), await temporaryFolder(test)];
    const listen = CLASSIC.flatMap((dialect) => ['--listen', `${dialect}:0`]);
    const server = new CliProcess(test, ['serve', '--root', root, ...listen]);
    await writeFile(join(root, 'a.txt'), 'hello');
    await writeFile(join(here, 'up.txt'), 'from here');
    const ports = new Map<string, string>();
    for (let seen = 0; seen < CLASSIC.length; seen += 1) {
      const [, port = '', dialect = ''] = await server.stderr.waitFor(/port (\d+) \((\w+)\)/);
      ports.set(dialect, port);
    }
    const tryOut = async (dialect: string) => {
      const port = ports.get(dialect) ?? '';
      const flags = ['--dialect', dialect];
      const commands = `ls\nget a.txt ${dialect}.txt\nput up.txt ${dialect}-up.txt\nhash a.txt\nstatus\nquit\n`;
      const prompt = await runCli(test, ['connect', '127.0.0.1', port, ...flags], { cwd: here, input: commands });
      assert.match(prompt.stdout, /a\.txt/, prompt.stderr);
      assert.match(prompt.stderr, new RegExp(`"${dialect}" cannot compute the digest`));
      const [got, put] = dialect === 'cftp' ? [', verified', 'with a digest'] : ['not verified', 'not verified'];
      assert.match(prompt.stdout, new RegExp(`^/a\\.txt -> .*${got}.*\\n.*/up\\.txt -> .*${put}`, 'm'));
      assert.equal(await readFile(join(here, `${dialect}.txt`), 'utf8'), 'hello');
      assert.equal(await readFile(join(root, `${dialect}-up.txt`), 'utf8'), 'from here');
    };
    // Not all at once: each is a process.
    for (const dialect of CLASSIC) await tryOut(dialect);

    // One of them stands for the single commands of all.
    const url = `sluice://127.0.0.1:${ports.get('cftp') ?? ''}`;
    const missing = await runCli(test, ['get', '--dialect', 'cftp', `${url}/missing.txt`], { cwd: here });
    assert.equal(missing.code, 5, missing.stderr);
    const piped = await runCli(test, ['get', '--dialect', 'cftp', `${url}/a.txt`, '-'], { cwd: here });
    assert.deepEqual([piped.code, piped.stdout, piped.stderr], [0, 'hello', '']);
  });
});
