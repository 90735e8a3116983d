import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { entryOf } from '../../lib/store/entry-of.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('entryOf', () => {
  it('tells name, size, time in whole milliseconds and permission bits of a file', async (test) => {
    const path = join(await temporaryFolder(test), 'file');
    await writeFile(path, 'hello');
    await chmod(path, 0o4711);
    await utimes(path, 12.3454, 12.3454);
    assert.deepEqual(entryOf('shown', await lstat(path)), {
      name: 'shown',
      kind: 'file',
      size: 5,
      modified: 12_345,
      mode: 0o4711,
    });
  });

  it('knows folders, links and all the rest, which have no size', async (test) => {
    const folder = await temporaryFolder(test);
    await mkdir(join(folder, 'folder'));
    await symlink('folder', join(folder, 'link'));
    execFileSync('mkfifo', [join(folder, 'other')]);
    for (const kind of ['folder', 'link', 'other']) {
      const entry = entryOf(kind, await lstat(join(folder, kind)));
      assert.equal(entry.kind, kind);
      assert.equal(entry.size, 0);
    }
  });
});
