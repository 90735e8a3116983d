import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { failsWith } from '../helpers/errors.ts';
import type { Direction } from '../helpers/fault-proxy.ts';
import { securedBytes } from '../helpers/kept-part.ts';
import { until } from '../helpers/raw-peer.ts';
import { startClient } from '../helpers/server.ts';
import { assertFiles, assertServes, outcomeOf, startScene } from './scene.ts';

const SIZE = 64 * 1024 ** 2;
const QUICK = { serve: { limits: { quietMs: 50, stallMs: 300 } }, connect: { stallMs: 300 } };

/** A transfer of 64 MiB that has begun, onto a file that is there already. */
const begin = async (test: TestContext, direction: Direction, options: Parameters<typeof startScene>[1] = {}) => {
  const scene = await startScene(test, options);
  const { server, client, local, proxy } = scene;
  const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
  await writeFile(join(source, 'new'), '');
  await truncate(join(source, 'new'), SIZE);
  await writeFile(join(target, 'file'), 'old');
  const transfer$ =
    direction === 'up' ? client.upload(join(local, 'new'), ['file']) : client.download(['new'], join(local, 'file'));
  const moving = () => until('content that moves', () => (proxy.connections('data')[0]?.passed[direction] ?? 0) > 1e6);
  return { ...scene, transfer$, target, moving };
};

const assertUntouched = async (target: string): Promise<void> => {
  assert.equal(await readFile(join(target, 'file'), 'utf8'), 'old');
  await assertFiles(target, ['file']);
};

export const faultHalfOpen = (): void => {
  describe('fault 4: half-open peer', () => {
    it('fault 4: an idle session whose peer is gone ends by the stall limit on both sides', async (test) => {
      const { server, client, proxy } = await startScene(test, QUICK);
      const ended = failsWith('STALLED', lastValueFrom(client.ended$));
      proxy.connections('control')[0]?.strike({ type: 'drop' });
      await ended;
      assert.equal((await server.event('session-closed')).error?.code, 'STALLED');
      await assertServes(test, server);
    });

    for (const direction of ['up', 'down'] as const) {
      const way = direction === 'up' ? 'an upload' : 'a download';

      it(`fault 4: ${way} whose peer is gone on every connection ends by the stall limit on both sides`, async (test) => {
        const scene = await begin(test, direction, QUICK);
        const { server, proxy, transfer$, target, moving } = scene;
        const outcome = outcomeOf(lastValueFrom(transfer$));
        await moving();
        for (const kind of ['data', 'control'] as const) proxy.connections(kind)[0]?.strike({ type: 'drop' });
        assert.equal(await outcome, 'STALLED');
        assert.equal((await server.event('session-closed')).error?.code, 'STALLED');
        assert.equal((await server.event('transfer')).outcome, 'failed');
        await assertUntouched(target);
        await assertServes(test, server);
      });

      it(`fault 4: ${way} whose data connection alone is gone ends by the stall limit, and the session lives on`, async (test) => {
        const { server, client, proxy, transfer$, target, moving } = await begin(test, direction, QUICK);
        const outcome = outcomeOf(lastValueFrom(transfer$));
        await moving();
        proxy.connections('data')[0]?.strike({ type: 'drop' });
        assert.ok((await client.ping()) >= 0);
        assert.equal(await outcome, 'STALLED');
        const report = await server.event('transfer');
        assert.deepEqual([report.outcome, report.error?.code], ['failed', 'STALLED']);
        await assertUntouched(target);
        assert.ok((await client.ping()) >= 0);
      });
    }

    it('fault 4: the owner of an upload whose session is dead takes it over at once, and goes on where it stood', async (test) => {
      const plan = [{ when: 'data', nth: 0, direction: 'up', at: SIZE / 2, fault: { type: 'stop' } }] as const;
      const { server, local, proxy, transfer$ } = await begin(test, 'up', { plan });
      const dead = transfer$.subscribe({ error: () => undefined });
      await until('a block that is secure', async () => (await securedBytes(server.root)) > 0);
      for (const kind of ['data', 'control'] as const) proxy.connections(kind)[0]?.strike({ type: 'drop' });
      const next = await startClient(test, server);
      const { state, resumed } = await lastValueFrom(next.upload(join(local, 'new'), ['file']));
      assert.equal(state, 'completed');
      assert.ok((resumed ?? 0) > 0);
      assert.equal((await server.event('transfer')).error?.code, 'CLOSED_EARLY');
      dead.unsubscribe();
    });

    it('fault 4: an upload whose session is alive is nobody else’s, from the same address and of the same content too', async (test) => {
      const { server, local, transfer$, moving } = await begin(test, 'up');
      const running = lastValueFrom(transfer$);
      await moving();
      const next = await startClient(test, server);
      assert.equal(await outcomeOf(lastValueFrom(next.upload(join(local, 'new'), ['file']))), 'BUSY');
      assert.equal((await running).state, 'completed');
    });
  });
};
