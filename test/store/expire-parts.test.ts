import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { LocalFolderStore } from '../../lib/index.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PART_PREFIX } from '../../lib/protocol/path.ts';
import { pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, keeping, leavePart } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startClient, startServer } from '../helpers/server.ts';
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

  it('are removed from the one folder that a download goes to, unless somebody may write to them', async (test) => {
    const [root, here] = [await temporaryFolder(test), await temporaryFolder(test)];
    const content = pattern(3 * BLOCK_BYTES);
    const old = new Date(Date.now() - 2 * HOUR_MS);
    await writeFile(join(root, 'file'), 'x');
    await mkdir(join(here, 'sub'));
    for (const folder of [here, join(here, 'sub')]) await leavePart(folder, 'dead', content, { bytes: BLOCK_BYTES });
    const [dead = ''] = (await readdir(here)).filter((name) => name.startsWith(PART_PREFIX));
    await leavePart(here, 'young', content, { bytes: BLOCK_BYTES });
    const [young = ''] = (await readdir(here)).filter((name) => name.startsWith(PART_PREFIX) && name !== dead);
    for (const place of [join(here, dead), join(here, 'sub', dead)]) await utimes(place, old, old);
    await age(join(here, '.sluice-part-of-nobody-knows'));
    const store = await LocalFolderStore.open(here);
    const written = await store.begin(['written'], { keep: keeping(content) });
    const [own = ''] = (await readdir(here)).filter(
      (name) => /part-[0-9a-f]{32}$/.test(name) && ![dead, young].includes(name),
    );
    await utimes(join(here, own), old, old);
    const client = await startClient(test, await startServer(test, { root }), { keepPartsMs: HOUR_MS });
    await lastValueFrom(client.download(['file'], join(here, 'file')));
    const left = ['.sluice-part-of-nobody-knows', young, own, 'file', 'sub'];
    assert.deepEqual((await readdir(here)).sort(), left.sort());
    assert.deepEqual(await readdir(join(here, 'sub')), [dead]);
    await written.discard();
  });

  it('are gone on with first, however old they are', async (test) => {
    const [root, here] = [await temporaryFolder(test), await temporaryFolder(test)];
    const content = pattern(3 * BLOCK_BYTES);
    await writeFile(join(root, 'file'), content);
    await utimes(join(root, 'file'), MODIFIED / 1000, MODIFIED / 1000);
    await leavePart(here, 'file', content, { bytes: 2 * BLOCK_BYTES });
    const [part = ''] = await readdir(here);
    await utimes(join(here, part), new Date(0), new Date(0));
    const client = await startClient(test, await startServer(test, { root }), { keepPartsMs: HOUR_MS });
    assert.equal((await lastValueFrom(client.download(['file'], join(here, 'file')))).resumed, 2 * BLOCK_BYTES);
  });

  it('are removed by a server when it starts', async (test) => {
    const root = await temporaryFolder(test);
    await age(join(root, '.sluice-part-old'));
    await startServer(test, { root, keepPartsMs: HOUR_MS });
    await until('an empty folder', async () => (await readdir(root)).length === 0);
  });
});
