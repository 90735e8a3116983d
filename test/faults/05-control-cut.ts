import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { until } from '../helpers/raw-peer.ts';
import { assertFiles, assertServes, outcomeOf, startScene } from './scene.ts';

// The reverse, data cut while control goes on, is fault 3.
export const faultControlCut = (): void => {
  describe('fault 5: control connection lost while data goes on', () => {
    for (const direction of ['up', 'down'] as const)
      for (const type of ['cut', 'reset'] as const)
        it(`fault 5: ${type === 'cut' ? 'FIN' : 'RST'} of control during a transfer ${direction} fails it with one cause, there and here`, async (test) => {
          const { server, client, local, proxy } = await startScene(test);
          const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
          await writeFile(join(source, 'new'), '');
          await truncate(join(source, 'new'), 64 * 1024 ** 2);
          await writeFile(join(target, 'file'), 'old');
          const path = join(local, direction === 'up' ? 'new' : 'file');
          const transfer$ = direction === 'up' ? client.upload(path, ['file']) : client.download(['new'], path);
          const outcome = outcomeOf(lastValueFrom(transfer$));
          await until('a data connection in use', () => (proxy.connections('data')[0]?.passed[direction] ?? 0) > 1e6);
          proxy.connections('control')[0]?.strike({ type });
          assert.equal(await outcome, 'CLOSED_EARLY');
          const report = await server.event('transfer');
          assert.deepEqual([report.outcome, report.error?.code], ['failed', 'CLOSED_EARLY']);
          assert.equal(await readFile(join(target, 'file'), 'utf8'), 'old');
          await assertFiles(target, ['file']);
          await assertServes(test, server);
        });
  });
};
