import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { fromChunks, pump, throttle } from '../../lib/index.ts';
import { failsWith } from '../helpers/errors.ts';
import { connectRaw, offerOf, openSession } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

const HOUR = 3_600_000;
const STALL_MS = 1500;
const JUMPS = [
  { name: 'an hour ahead', by: HOUR },
  { name: 'an hour back', by: -HOUR },
  { name: 'to 1970', by: -Date.now() },
  { name: 'ten years ahead', by: 10 * 8766 * HOUR },
];

/** The wall clock shows another time from now on. */
const setClock = (test: TestContext, by: number): void => {
  const real = Date.now;
  test.mock.method(Date, 'now', () => real() + by);
};

export const faultClock = (): void => {
  describe('fault 17: the wall clock jumps', () => {
    for (const { name, by } of JUMPS) {
      it(`fault 17: ${name}: sessions and transfers that run live on`, async (test) => {
        const server = await startServer(test, { limits: { quietMs: 50, stallMs: 20_000 } });
        const client = await startClient(test, server, { stallMs: STALL_MS });
        const chunks = Array.from({ length: 8 }, () => Buffer.alloc(50_000));
        const running = lastValueFrom(pump(fromChunks(chunks), throttle(800_000), client.sink(['file'])));
        await client.ping();
        setClock(test, by);
        assert.equal((await running).bytes, 400_000);
        // An idle session too, which is looked at several times meanwhile, from both sides.
        await sleep(STALL_MS / 2);
        assert.ok((await client.ping()) >= 0);
        assert.ok(server.events.every(({ type }) => type !== 'session-closed'));
      });

      it(`fault 17: ${name}: deadlines still pass`, async (test) => {
        const server = await startServer(test, {
          limits: { helloMs: 100, dataMs: 100, quietMs: 50, stallMs: 300 },
        });
        const late = await connectRaw(test, server.port);
        const session = await openSession(test, server);
        // The last word of this session, heard before the jump.
        let reply = await session.ask({ type: 'put', id: 1, path: ['file'] });
        while (reply['type'] === 'ping') reply = await session.message();
        offerOf(reply);
        setClock(test, by);
        await late.error('HELLO_TIMEOUT');
        assert.equal((await server.event('transfer')).error?.code, 'DATA_TIMEOUT');
        assert.equal((await server.event('session-closed')).error?.code, 'STALLED');
        const port = await openRawPort(test);
        await failsWith('HELLO_TIMEOUT', startClient(test, port, { timeoutMs: 100 }));
      });
    }
  });
};
