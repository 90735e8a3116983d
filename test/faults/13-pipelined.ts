import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { settled } from '../helpers/collect.ts';
import { heldBytes } from '../helpers/memory.ts';
import { type RawPeer, connectRaw, messageFrame, openSession } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';
import { assertServes } from './scene.ts';
import type { FaultSize } from './size.ts';

const BATCH = 1000;
const ROOM = 24 * 1024 ** 2;
const PINGS = Buffer.concat(Array.from({ length: BATCH }, (_, id) => messageFrame({ type: 'ping', id: id + 1 })));
const PONG_BYTES = Array.from({ length: BATCH }, (_, id) => messageFrame({ type: 'pong', id: id + 1 }).length).reduce(
  (sum, length) => sum + length,
);

/** Writes batches as fast as they are taken, until all are out or the connection is gone. */
const flood = async ({ socket }: RawPeer, batches: number, sent: { batches: number }): Promise<void> => {
  for (; sent.batches < batches && socket.writable; sent.batches += 1)
    await new Promise<void>((resolve) => socket.write(PINGS, () => resolve()));
};

const serverWithMemory = async (test: TestContext) => {
  const server = await startServer(test);
  await assertServes(test, server);
  const before = heldBytes();
  return { server, grown: () => heldBytes() - before };
};

export const faultPipelined = ({ commands }: FaultSize): void => {
  const batches = commands / BATCH;
  describe('fault 13: commands without end', () => {
    it(`fault 13: ${commands} commands before the hello are thrown away with their connection`, async (test) => {
      const { server, grown } = await serverWithMemory(test);
      const sent = { batches: 0 };
      // Again from the start wherever the server has closed: it owes nobody a reading of all of it.
      while (sent.batches < batches) {
        const peer = await connectRaw(test, server.port);
        const error = peer.error('MESSAGE_UNKNOWN').catch(() => undefined);
        await flood(peer, batches, sent);
        await error;
        peer.socket.destroy();
        assert.ok(grown() < ROOM, `${grown()} bytes are held`);
      }
      await assertServes(test, server);
    });

    it(`fault 13: ${commands} commands whose answers are not read wait at their sender`, async (test) => {
      const { server, grown } = await serverWithMemory(test);
      const peer = await openSession(test, server);
      const sent = { batches: 0 };
      void flood(peer, batches, sent).catch(() => undefined);
      await settled(() => sent.batches);
      assert.ok(grown() < ROOM, `${grown()} bytes are held`);
      await assertServes(test, server);
    });

    it(`fault 13: ${commands} commands in one go are all answered, others are served meanwhile, and memory stays flat`, async (test) => {
      const { server, grown } = await serverWithMemory(test);
      const peer = await openSession(test, server);
      const flooding = flood(peer, batches, { batches: 0 });
      let most = 0;
      for (let batch = 0; batch < batches; batch += 1) {
        await peer.bytes(PONG_BYTES);
        if (batch % 100 !== 10) continue;
        most = Math.max(most, grown());
        await assertServes(test, server);
      }
      await flooding;
      assert.ok(most < ROOM, `${most} bytes were held`);
    });
  });
};
