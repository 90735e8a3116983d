import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { fromChunks, pump } from '../../lib/index.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startClient, startServer } from '../helpers/server.ts';
import { smallDisk } from '../helpers/small-disk.ts';

checkLeaks();

const MIB = 1024 ** 2;

const megabytes = function* (count: number) {
  for (let index = 0; index < count; index += 1) yield Buffer.alloc(MIB, index);
};

describe('a full disk', () => {
  it('of the server refuses an upload that cannot fit before a byte is sent', async (test) => {
    const root = await smallDisk(test);
    if (root === undefined) return;
    const client = await startClient(test, await startServer(test, { root }));
    const local = await temporaryFolder(test);
    await writeFile(join(local, 'big'), Buffer.alloc(8 * MIB));
    await writeFile(join(root, 'file'), 'old');
    const error = await failsWith('NO_SPACE', lastValueFrom(client.upload(join(local, 'big'), ['file'])));
    assert.match(error.message, /needs 8388608 bytes/);
    assert.equal(await readFile(join(root, 'file'), 'utf8'), 'old');
  });

  it('of the server ends an upload of unknown length with NO_SPACE, leaves the old file and no part', async (test) => {
    const root = await smallDisk(test);
    if (root === undefined) return;
    const client = await startClient(test, await startServer(test, { root }));
    await writeFile(join(root, 'file'), 'old');
    await failsWith('NO_SPACE', lastValueFrom(pump(fromChunks(megabytes(16)), client.sink(['file']))));
    assert.equal(await readFile(join(root, 'file'), 'utf8'), 'old');
    assert.deepEqual(await readdir(root), ['file']);
    assert.ok((await client.ping()) >= 0);
  });

  it('of the client fails a download with NO_SPACE and tells the server why', async (test) => {
    const folder = await smallDisk(test);
    if (folder === undefined) return;
    const server = await startServer(test);
    const client = await startClient(test, server);
    await writeFile(join(server.root, 'big'), Buffer.alloc(8 * MIB));
    await failsWith('NO_SPACE', lastValueFrom(client.download(['big'], join(folder, 'copy'))));
    const report = await server.event('transfer');
    assert.deepEqual([report.outcome, report.error?.code], ['failed', 'NO_SPACE']);
    assert.deepEqual(await readdir(folder), []);
  });
});
