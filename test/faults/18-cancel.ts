import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { type Observable, lastValueFrom } from 'rxjs';
import { SluiceError, fromFile, pump, toNothing } from '../../lib/index.ts';
import { openFiles } from '../helpers/leak-check.ts';
import { until } from '../helpers/raw-peer.ts';
import { assertServes, startScene } from './scene.ts';
import type { FaultSize } from './size.ts';

const NAMES = ['small', 'large', 'other'] as const;
const SIZES = { small: 10_000, large: 3_500_000, other: 1_200_000 };
const AT_ONCE = 4;
const BLOCK = 1024 * 1024;

export const faultCancel = ({ cancels }: FaultSize): void => {
  describe('fault 18: cancelled at any moment', () => {
    it(`fault 18: ${cancels} transfers cancelled or cut at random moments leave nothing open, locked or wrong`, async (test) => {
      const { server, client, local, proxy } = await startScene(test, { connect: { retries: 0 } });
      const contents = new Map<string, Buffer>(NAMES.map((name) => [name, randomBytes(SIZES[name])]));
      await mkdir(join(server.root, 'tree'));
      for (const [name, content] of contents)
        for (const folder of [local, server.root, join(server.root, 'tree')])
          await writeFile(join(folder, name), content);

      let number = 0;
      const pick = <T>(values: readonly T[]): T => values[Math.floor(Math.random() * values.length)] as T;
      const how = () => ({ resume: pick([true, false]), segments: pick([1, 3]) });
      const transfer = (): Observable<unknown> => {
        const name = pick(NAMES);
        // Some share their target, so that locks and kept parts are fought for.
        const target = pick(['shared', `own-${(number += 1) % 50}`]);
        return pick<() => Observable<unknown>>([
          () => client.download([name], join(local, `down-${target}`), how()),
          () => client.upload(join(local, name), [`up-${target}`], { ...how(), fsync: false }),
          () => pump(client.source([name]), toNothing()),
          () => pump(fromFile(join(local, name)), client.sink([`sink-${target}`], { fsync: false })),
          () => client.downloadTree(['tree'], join(local, `tree-${target}`)),
          () => client.uploadTree(join(local, `tree-${target}`), [`tree-${target}`]),
        ])();
      };
      const giveUp = async (): Promise<void> => {
        const running = transfer().subscribe({ error: assertTyped });
        if (Math.random() < 0.5) for (let turns = Math.random() * 40; turns > 0; turns -= 1) await turn();
        else await sleep(Math.random() * 30);
        if (Math.random() < 0.1) {
          const connections = proxy.connections('data');
          connections.at(-1)?.strike({ type: pick(['reset', 'cut']) });
          await turn();
        }
        running.unsubscribe();
      };

      // What is loaded and kept at first use is there before anything is counted.
      for (let warmUp = 0; warmUp < 20; warmUp += 1) await giveUp();
      await sleep(200);
      const filesBefore = openFiles().length;
      let left = cancels;
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          while (left-- > 0) await giveUp();
        }),
      );
      await until('no more open files than before', () => Promise.resolve(openFiles().length <= filesBefore + 2));
      assert.ok((await client.ping()) >= 0);
      await assertServes(test, server);

      // Every name can be written, so no lock is left, and what is written is right, so no part was mixed up.
      for (const target of ['up-shared', 'sink-shared', 'up-own-1'])
        for (const [name, content] of contents) {
          await lastValueFrom(client.upload(join(local, name), [target]));
          assert.ok((await readFile(join(server.root, target))).equals(content), `${name} as ${target}`);
          await lastValueFrom(client.download([name], join(local, 'down-shared')));
          assert.ok((await readFile(join(local, 'down-shared'))).equals(content), `${name} came back`);
        }
      await assertWhole(server.root, contents);
      await assertWhole(local, contents);
    });
  });
};

const assertTyped = (error: unknown): void => assert.ok(error instanceof SluiceError, String(error));

/** Every file that can be seen, in whatever folder, is one of the contents and no mixture. */
const assertWhole = async (folder: string, contents: ReadonlyMap<string, Buffer>): Promise<void> => {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name.startsWith('.sluice-part-')) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    assert.ok(
      [...contents.values()].some((whole) => whole.equals(content)),
      `${path} is none of the contents: ${describeContent(content, contents)}`,
    );
  }
};

/** What a wrong content is made of, for whoever has to find out how it came about. */
const describeContent = (content: Buffer, contents: ReadonlyMap<string, Buffer>): string => {
  const alike = [...contents].map(([name, whole]) => {
    const same = Array.from({ length: Math.ceil(content.length / BLOCK) }, (_, index) => {
      const at = index * BLOCK;
      return whole.subarray(at, at + BLOCK).equals(content.subarray(at, at + BLOCK)) ? 'x' : '-';
    });
    return `${name} ${same.join('')}`;
  });
  return `${content.length} bytes, blocks as in ${alike.join(', ')}`;
};
