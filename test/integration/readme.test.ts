import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const root = join(import.meta.dirname, '..', '..', '..');

describe('the README', () => {
  it('shows a pipeline that runs as it stands there', async (test) => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const [, code = ''] = /```ts\n([\s\S]+?)```/.exec(readme) ?? [];
    assert.match(code, /pump\(/);
    const folder = await temporaryFolder(test);
    await mkdir(join(folder, 'files'));
    await writeFile(join(folder, 'notes.txt'), 'a note\n');
    // Inside the package, so that its own name leads to it.
    const script = join(root, 'dist', `readme-${process.pid}.mjs`);
    await writeFile(script, code);
    test.after(() => rm(script));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: folder });
    assert.match(stdout, /read 7 bytes/);
    for (const name of ['copy.txt', 'slow-copy.txt', 'files/notes.txt', 'files/again.txt'])
      assert.equal(await readFile(join(folder, name), 'utf8'), 'a note\n', name);
  });

  it('names no command of npm that package.json does not have', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...readme.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name);
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((name) => !(name in scripts)),
      [],
    );
  });
});
