import assert from 'node:assert/strict';
import { truncate, unlink, open, writeFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { contentFrames, connectRawData, offerOf, openSession } from '../helpers/raw-peer.ts';
import { WELCOME, greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';
import type { FaultSize } from './size.ts';

const BEYOND = '9007199254740993';

/** A file of holes with some bytes at its end, so that what comes last is seen to be there. */
const writeSparse = async (path: string, size: number): Promise<void> => {
  await writeFile(path, '');
  await truncate(path, size);
  const end = Buffer.from('the very end').subarray(0, size);
  const file = await open(path, 'r+');
  await file.write(end, 0, end.length, size - end.length);
  await file.close();
};

export const faultSizes = ({ fileSizes }: FaultSize): void => {
  describe('fault 16: sizes', () => {
    for (const size of fileSizes)
      it(`fault 16: ${size} bytes go up and down again, and both digests agree`, async (test) => {
        const server = await startServer(test);
        const client = await startClient(test, server);
        const local = await temporaryFolder(test);
        await writeSparse(join(local, 'up'), size);
        const up = await lastValueFrom(client.upload(join(local, 'up'), ['file'], { fsync: false }));
        assert.deepEqual([up.state, up.bytes], ['completed', size]);
        const digest = await client.hash(['file'], 'blake3');
        const down = await lastValueFrom(client.download(['file'], join(local, 'down'), { fsync: false }));
        assert.deepEqual([down.state, down.bytes], ['completed', size]);
        assert.equal((await stat(join(server.root, 'file'))).size, size);
        await unlink(join(server.root, 'file'));
        await lastValueFrom(client.upload(join(local, 'down'), ['file'], { fsync: false }));
        assert.equal(await client.hash(['file'], 'blake3'), digest);
      });

    it('fault 16: a size beyond 2^53 is refused by the server, in a request and in a trailer', async (test) => {
      const server = await startServer(test);
      const session = await openSession(test, server);
      const text = `{"type":"put","id":1,"path":["a"],"size":${BEYOND}}`;
      session.write(`${String(text.length).padStart(10, '0')}${text}`);
      await session.error('MESSAGE_INVALID', 1);
      const data = await connectRawData(test, offerOf(await session.ask({ type: 'put', id: 2, path: ['a'] })));
      const frames = contentFrames('abc').toString();
      const digits = BEYOND.length - 1;
      const lie = frames
        .replace('{"bytes":3', `{"bytes":${BEYOND}`)
        .replace(/0000000087(?=\{)/, `00000000${87 + digits}`);
      assert.notEqual(lie.length, frames.length);
      data.write(lie);
      await session.error('MESSAGE_INVALID', 2);
    });

    it('fault 16: a size beyond 2^53 is refused by the client', async (test) => {
      const port = await openRawPort(test);
      const [client, peer] = await Promise.all([startClient(test, port), greet(port, WELCOME)]);
      const refused = failsWith('MESSAGE_INVALID', client.stat(['big']));
      await peer.message();
      const entry = `{"name":"big","kind":"file","size":${BEYOND},"modified":0,"mode":420}`;
      const text = `{"type":"entry","id":1,"entry":${entry}}`;
      peer.write(`${String(text.length).padStart(10, '0')}${text}`);
      await refused;
    });
  });
};
