import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { fromChunks, pump, throttle } from '../../lib/index.ts';
import { failsWith } from '../helpers/errors.ts';
import { connectRaw, openSession } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';
import { startClient } from '../helpers/server.ts';
import { startScene } from './scene.ts';

const HOUR = 3_600_000;
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
        const { server, client } = await startScene(test, {
          serve: { limits: { idleMs: 60_000, quietMs: 5000, stallMs: 20_000 } },
        });
        const chunks = Array.from({ length: 8 }, () => Buffer.alloc(50_000));
        const running = lastValueFrom(pump(fromChunks(chunks), throttle(800_000), client.sink(['file'])));
        await sleep(50);
        setClock(test, by);
        assert.equal((await running).bytes, 400_000);
        assert.ok((await client.ping()) >= 0);
        assert.ok(server.events.every(({ type }) => type !== 'session-closed'));
      });

      it(`fault 17: ${name}: deadlines still pass`, async (test) => {
        const { server } = await startScene(test, {
          serve: { limits: { helloMs: 100, idleMs: 100, dataMs: 100, quietMs: 50, stallMs: 200 } },
        });
        const late = await connectRaw(test, server.port);
        const session = await openSession(test, server);
        session.send({ type: 'put', id: 1, path: ['file'] });
        setClock(test, by);
        await late.error('HELLO_TIMEOUT');
        assert.equal((await session.message())['type'], 'accepted');
        for (;;) {
          const message = await session.message();
          if (message['type'] !== 'error') continue;
          assert.equal(message['code'], 'DATA_TIMEOUT');
          break;
        }
        const port = await openRawPort(test);
        await failsWith('HELLO_TIMEOUT', startClient(test, port, { timeoutMs: 100 }));
      });
    }
  });
};
