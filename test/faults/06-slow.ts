import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { type Part, fromChunks, pump, toNothing } from '../../lib/index.ts';
import { settled, turns, until } from '../helpers/collect.ts';
import { GatedSink } from '../helpers/gated-sink.ts';
import { heldBytes } from '../helpers/memory.ts';
import { connectRawData, offerOf, openSession } from '../helpers/raw-peer.ts';
import { startClient, startServer } from '../helpers/server.ts';
import { fileEntry, stubPart, stubStore } from '../helpers/stub-store.ts';
import type { FaultSize } from './size.ts';

const MIB = 1024 ** 2;
const FILE = 1024 * MIB;
// What one download may hold, as documented, and what the server may hold besides.
const PER_READER = 4 * MIB;
const BESIDES = 32 * MIB;

const bigFile = () => {
  const chunk = Buffer.alloc(MIB / 4, 'sluice');
  const chunks = function* () {
    for (let sent = 0; sent < FILE; sent += chunk.length) yield chunk;
  };
  return { entry: fileEntry('big', FILE), content: () => fromChunks(chunks()), close: () => Promise.resolve() };
};

export const faultSlow = ({ idleReaders }: FaultSize): void => {
  describe('fault 6: slow disk, slow reader', () => {
    it('fault 6: a disk that stands still under one client delays no other', async (test) => {
      const stuck = new GatedSink();
      stuck.stop();
      const never = new Promise<Part>(() => undefined);
      const store = stubStore({
        begin: ([name]) => {
          if (name === 'hangs') return never;
          return Promise.resolve(stubPart(name === 'stuck' ? stuck.sink : toNothing()));
        },
        open: () => Promise.resolve(bigFile()),
        stat: ([name = '']) => Promise.resolve(fileEntry(name, 0)),
      });
      const server = await startServer(test, { store });
      const slow = await startClient(test, server);
      const content = () => fromChunks(Array.from({ length: 64 }, () => Buffer.alloc(MIB)));
      for (const name of ['stuck', 'hangs']) pump(content(), slow.sink([name])).subscribe({ error: () => undefined });
      await until(() => stuck.received > 0);
      const other = await startClient(test, server);
      for (const client of [other, slow]) {
        assert.equal((await client.stat(['file'])).kind, 'file');
        const sent = await lastValueFrom(pump(content(), client.sink(['file'])));
        assert.equal(sent.bytes, 64 * MIB);
        const got = await lastValueFrom(pump(client.source(['big']), toNothing()));
        assert.equal(got.bytes, FILE);
      }
    });

    it(`fault 6: ${idleReaders} downloads that nobody reads hold a bounded memory`, async (test) => {
      let taken = 0;
      const store = stubStore({
        open: () => {
          const file = bigFile();
          // Fresh memory for each chunk, as a file gives it.
          const chunks = function* () {
            for (let sent = 0; sent < FILE; sent += MIB / 4) {
              taken += MIB / 4;
              yield Buffer.alloc(MIB / 4, 'x');
            }
          };
          return Promise.resolve({ ...file, content: () => fromChunks(chunks()) });
        },
      });
      const server = await startServer(test, { store });
      const before = heldBytes();
      for (let started = 0; started < idleReaders;) {
        const session = await openSession(test, server);
        for (let id = 1; id <= 16 && started < idleReaders; id += 1, started += 1)
          await connectRawData(test, offerOf(await session.ask({ type: 'get', id, path: ['big'] })));
      }
      await settled(() => taken);
      await turns(500);
      await settled(() => taken);
      const held = heldBytes() - before;
      assert.ok(taken < idleReaders * FILE, 'everything was read though nobody took it');
      assert.ok(held < idleReaders * PER_READER + BESIDES, `${held} bytes are held`);
    });
  });
};
