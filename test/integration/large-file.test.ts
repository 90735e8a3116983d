import assert from 'node:assert/strict';
import { readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { NEVER, firstValueFrom, lastValueFrom, share } from 'rxjs';
import { formatPath } from '../../lib/index.ts';
import { availableDigests, createDigest } from '../../lib/operators/digest.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { createHidden } from '../../lib/store/hidden-file.ts';
import { PathGate } from '../../lib/store/path-gate.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

const GIGABYTE = 1e9;
const SIZE = 10 * GIGABYTE;
const BLOCKS_THERE = Math.floor((9.9 * GIGABYTE) / BLOCK_BYTES);

/** A file of 10 GB in which nothing is written. */
const makeSparse = async (path: string): Promise<void> => {
  await writeFile(path, '');
  await truncate(path, SIZE);
  await utimes(path, MODIFIED / 1000, MODIFIED / 1000);
};

/** The part of a transfer of such a file that broke off 100 MB before its end. */
const leaveSparsePart = async (root: string): Promise<void> => {
  const [algorithm = 'sha256'] = availableDigests();
  const zeros = createDigest(algorithm);
  zeros.update(Buffer.alloc(BLOCK_BYTES));
  const digest = zeros.finish();
  const place = await (await PathGate.for(root, formatPath)).openPlace(['copy']);
  const content = { size: SIZE, modified: MODIFIED, algorithm, digest$: NEVER };
  const { handle, journal } = await createHidden(place, content);
  for (let index = 0; index < BLOCKS_THERE; index += 1) journal?.record(index, digest);
  await journal?.hand(null);
  await handle.close();
  await place.folder.handle.close();
};

/** Bytes that this process has read so far, from files, sockets and pipes. */
const bytesRead = async (): Promise<number> =>
  Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'latin1'))?.[1]);

describe('a file of 10 GB that broke off 100 MB before its end', () => {
  for (const direction of ['download', 'upload'] as const)
    it(`goes on without reading again what is there (${direction})`, async (test) => {
      const server = await startServer(test);
      const client = await startClient(test, server);
      const local = await temporaryFolder(test);
      const [sources, targets] = direction === 'download' ? [server.root, local] : [local, server.root];
      await makeSparse(join(sources, 'huge'));
      await leaveSparsePart(targets);
      const options = { fsync: false };
      const before = await bytesRead();
      const moving$ = (
        direction === 'download'
          ? client.download(['huge'], join(local, 'copy'), options)
          : client.upload(join(local, 'huge'), ['copy'], options)
      ).pipe(share());
      const running = lastValueFrom(moving$);
      const first = await firstValueFrom(moving$);
      const read = (await bytesRead()) - before;
      assert.equal(first.resumed, BLOCKS_THERE * BLOCK_BYTES);
      // The block before the offset, the journal, and what runs ahead of the first bytes.
      assert.ok(read < 64 * 1024 ** 2, `${read} bytes were read`);
      const { state, bytes } = await running;
      assert.deepEqual([state, bytes], ['completed', SIZE]);
      assert.equal((await stat(join(targets, 'copy'))).size, SIZE);
    });
});
