import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { fromChunks, pump } from '../../lib/index.ts';
import { assertFiles } from '../faults/scene.ts';
import { folderThread } from '../../lib/store/small/folder-thread.ts';
import { pattern } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { keptBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type FullAt, fillDiskAt } from '../helpers/no-space.ts';
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

/** Files and folders below a folder that this process has open. */
const openBelow = (folder: string): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });

interface LateFailure {
  readonly when: string;
  readonly at: FullAt;
  readonly size: number;
  /** What of the content is kept for the next try. */
  readonly kept: number;
  /** Whether the file has its name by then. */
  readonly isNamed?: boolean;
}

const LARGE = 3 * MIB + 10;

const LATE_FAILURES: readonly LateFailure[] = [
  { when: 'the blocks of a part are flushed', at: { type: 'fsync', nth: 1 }, size: LARGE, kept: LARGE },
  { when: 'the whole file is flushed', at: { type: 'fsync', nth: 2 }, size: LARGE, kept: LARGE },
  { when: 'it gets its name', at: { type: 'rename', to: 'file' }, size: LARGE, kept: LARGE },
  { when: 'its folder is flushed', at: { type: 'folder-fsync' }, size: LARGE, kept: 0, isNamed: true },
  { when: 'a small file is flushed', at: { type: 'fsync', nth: 1 }, size: 10, kept: 0 },
  { when: 'a small file gets its name', at: { type: 'rename', to: 'file' }, size: 10, kept: 0 },
  { when: 'the folder of a small file is flushed', at: { type: 'folder-fsync' }, size: 10, kept: 0, isNamed: true },
];

describe('a disk that turns out to be full when all bytes are written', () => {
  for (const direction of ['up', 'down'] as const)
    for (const { when, at, size, kept, isNamed } of LATE_FAILURES)
      it(`fails with NO_SPACE as ${when}, and the next try succeeds (${direction})`, async (test) => {
        // Its calls cannot be made to fail; what it cannot do goes the ordinary way, so that way is what is tried.
        test.mock.method(folderThread, 'do', () => Promise.resolve(undefined));
        const server = await startServer(test);
        const client = await startClient(test, server);
        const local = await temporaryFolder(test);
        const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
        const content = pattern(size);
        await writeFile(join(source, 'new'), content);
        await writeFile(join(target, 'file'), 'old');
        const transfer$ =
          direction === 'up'
            ? client.upload(join(local, 'new'), ['file'])
            : client.download(['new'], join(local, 'file'));
        const failures = await fillDiskAt(test, at);
        await failsWith('NO_SPACE', lastValueFrom(transfer$));
        assert.equal(failures(), 1);
        const report = await server.event('transfer');
        assert.deepEqual([report.outcome, report.error?.code], ['failed', 'NO_SPACE']);
        // Behind the rename nothing can be taken back: the file is there, and only a power cut could still lose its name.
        assert.ok((await readFile(join(target, 'file'))).equals(isNamed ? content : Buffer.from('old')));
        assert.equal(await keptBytes(target, 'file'), kept);
        if (kept === 0) assert.deepEqual(await readdir(target), ['file']);
        assert.deepEqual(openBelow(target), []);

        const { state, resumed = 0 } = await lastValueFrom(transfer$);
        assert.deepEqual([state, resumed], ['completed', kept]);
        assert.ok((await readFile(join(target, 'file'))).equals(content));
        await assertFiles(target, ['file']);
        assert.deepEqual(await readdir(target), ['file']);
        assert.deepEqual(openBelow(target), []);
      });
});
