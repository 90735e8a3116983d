import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LocalFolderStore } from '../../lib/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startServer } from '../helpers/server.ts';
import { until } from '../helpers/raw-peer.ts';

checkLeaks();

const HOUR_MS = 3_600_000;

const age = async (path: string): Promise<void> => {
  await writeFile(path, 'left');
  await utimes(path, new Date(), new Date(Date.now() - 2 * HOUR_MS));
};

describe('parts that nobody took up again', () => {
  it('are removed when they are old enough, in every folder, and nothing else is', async (test) => {
    const [root, outside] = [await temporaryFolder(test), await temporaryFolder(test)];
    await mkdir(join(root, 'a', 'b'), { recursive: true });
    await symlink(outside, join(root, 'link'));
    for (const folder of [root, join(root, 'a', 'b'), outside]) {
      await age(join(folder, '.sluice-part-old'));
      await age(join(folder, 'old file'));
      await writeFile(join(folder, '.sluice-part-new'), 'left');
    }
    await (await LocalFolderStore.open(root)).expireParts(HOUR_MS);
    assert.deepEqual((await readdir(root)).sort(), ['.sluice-part-new', 'a', 'link', 'old file']);
    assert.deepEqual((await readdir(join(root, 'a', 'b'))).sort(), ['.sluice-part-new', 'old file']);
    assert.equal((await readdir(outside)).length, 3);
  });

  it('are removed by a server when it starts', async (test) => {
    const root = await temporaryFolder(test);
    await age(join(root, '.sluice-part-old'));
    await startServer(test, { root, keepPartsMs: HOUR_MS });
    await until('an empty folder', async () => (await readdir(root)).length === 0);
  });
});
