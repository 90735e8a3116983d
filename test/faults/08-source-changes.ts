import assert from 'node:assert/strict';
import { appendFile, readFile, rename, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { until } from '../helpers/raw-peer.ts';
import { assertFiles, outcomeOf, startScene } from './scene.ts';

// More than can be on the way between two sides that both wait, so that the source is not read to its end.
const SIZE = 64 * 1024 ** 2;
const STOP_AT = 1024 ** 2;

interface Change {
  readonly what: string;
  readonly change: (file: string) => Promise<void>;
  readonly outcome: 'SOURCE_CHANGED' | 'done';
  /** Whether something of that name is left. */
  readonly isLeft: boolean;
}

// What was opened is what is sent: a name that now stands for another file, or for none, changes nothing about it.
const CHANGES: readonly Change[] = [
  { what: 'grows', change: (file) => appendFile(file, 'more'), outcome: 'SOURCE_CHANGED', isLeft: true },
  { what: 'shrinks', change: (file) => truncate(file, SIZE - 1), outcome: 'SOURCE_CHANGED', isLeft: true },
  { what: 'shrinks below what was read', change: (file) => truncate(file, 1), outcome: 'SOURCE_CHANGED', isLeft: true },
  {
    what: 'is written to in the middle',
    change: (file) => writeFile(file, 'x', { flag: 'r+' }),
    outcome: 'SOURCE_CHANGED',
    isLeft: true,
  },
  {
    what: 'is replaced by another',
    change: async (file) => {
      await writeFile(`${file}.other`, Buffer.alloc(SIZE, 'x'));
      await rename(`${file}.other`, file);
    },
    outcome: 'done',
    isLeft: true,
  },
  { what: 'vanishes', change: (file) => unlink(file), outcome: 'done', isLeft: false },
];

export const faultSourceChanges = (): void => {
  describe('fault 8: source changes on the way', () => {
    for (const direction of ['up', 'down'] as const)
      for (const { what, change, outcome, isLeft } of CHANGES)
        it(`fault 8: a file that ${what} on the way ${direction}: ${outcome}, and never a mixture`, async (test) => {
          const plan = [{ when: 'data', direction, at: STOP_AT, fault: { type: 'stop' } }] as const;
          const { server, client, local, proxy } = await startScene(test, { plan });
          const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
          await writeFile(join(source, 'new'), '');
          await truncate(join(source, 'new'), SIZE);
          await writeFile(join(target, 'file'), 'old');
          const path = join(local, direction === 'up' ? 'new' : 'file');
          const options = { fsync: false };
          const running = outcomeOf(
            lastValueFrom(
              direction === 'up' ? client.upload(path, ['file'], options) : client.download(['new'], path, options),
            ),
          );
          await until('a stop', () => (proxy.connections('data')[0]?.passed[direction] ?? 0) >= STOP_AT);
          await change(join(source, 'new'));
          proxy.connections('data')[0]?.go();
          assert.equal(await running, outcome);
          const report = await server.event('transfer');
          assert.deepEqual(
            [report.outcome, report.error?.code ?? 'done'],
            [outcome === 'done' ? 'completed' : 'failed', outcome],
          );
          const kept = await readFile(join(target, 'file'));
          assert.ok(kept.equals(outcome === 'done' ? Buffer.alloc(SIZE) : Buffer.from('old')));
          await assertFiles(target, ['file']);
          await assertFiles(source, isLeft ? ['new'] : []);
        });
  });
};
