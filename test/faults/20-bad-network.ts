import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { pattern } from '../helpers/collect.ts';
import type { Direction, PlannedFault } from '../helpers/fault-proxy.ts';
import { type TreeFiles, makeTree, readTree, runTree } from '../helpers/tree.ts';
import { assertFiles, startScene } from './scene.ts';
import type { FaultSize } from './size.ts';

// The form of fault 20 that every machine can run; with a kernel that loses packets it is beside fault 4.

const MIB = 1024 ** 2;
const DELAY = { type: 'delay', ms: 5, jitterMs: 10 } as const;
const FILES = 8;
const LONGEST = 3 * MIB;

/** A network that is slow and unsteady, and cuts each of the first connections at some place. */
const badNetwork = (test: TestContext, cuts: number): PlannedFault[] => {
  const directions: readonly Direction[] = ['up', 'down'];
  const slow = directions.flatMap((direction) =>
    (['control', 'data'] as const).map((when) => ({ when, direction, at: 0, fault: DELAY })),
  );
  const broken = Array.from({ length: cuts }, (_, nth) => ({
    when: 'data' as const,
    nth,
    direction: directions[randomInt(2)] ?? 'up',
    at: randomInt(LONGEST),
    fault: { type: randomInt(2) === 0 ? ('cut' as const) : ('reset' as const) },
  }));
  // Behind the hellos, so that there is a client.
  const left = {
    when: 'control',
    nth: 0,
    direction: 'up',
    at: 200 + randomInt(1000),
    fault: { type: 'reset' },
  } as const;
  const places = broken.map(({ direction, at, fault }) => `${fault.type} ${direction} at ${at}`);
  test.diagnostic(`data: ${places.join(', ')}; control: reset at ${left.at}`);
  return [...slow, ...broken, left];
};

const files = () =>
  Array.from({ length: FILES }, (_, index) => ({
    name: `file-${index}`,
    content: pattern(index % 2 === 0 ? LONGEST - index : randomInt(1000)),
  }));

export const faultBadNetwork = ({ cuts }: FaultSize): void => {
  describe('fault 20: loss and delay', { concurrency: true }, () => {
    for (const direction of ['up', 'down'] as const) {
      it(`fault 20: ${FILES} files go ${direction} whole over a slow network that cuts ${cuts} connections anywhere`, async (test) => {
        const { server, client, local } = await startScene(test, {
          plan: badNetwork(test, cuts),
          connect: { retries: cuts + 5 },
        });
        const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
        await mkdir(join(source, 'from'));
        await mkdir(join(target, 'to'));
        const all = files();
        for (const { name, content } of all) await writeFile(join(source, 'from', name), content);
        await Promise.all(
          all.map(({ name }) =>
            lastValueFrom(
              direction === 'up'
                ? client.upload(join(local, 'from', name), ['to', name])
                : client.download(['from', name], join(local, 'to', name)),
            ),
          ),
        );
        for (const { name, content } of all)
          assert.ok(content.equals(await readFile(join(target, 'to', name))), `${name} is another`);
        await assertFiles(
          join(target, 'to'),
          all.map(({ name }) => name),
        );
      });

      it(`fault 20: a folder goes ${direction} whole over a slow network that cuts ${cuts} connections anywhere`, async (test) => {
        const { server, client, local } = await startScene(test, {
          plan: badNetwork(test, cuts),
          connect: { retries: cuts + 5 },
        });
        const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
        const small = Array.from({ length: 50 }, (_, index) => [`small/${index % 5}/${index}`, `${index}`] as const);
        const large = files().map(({ name, content }) => [`large/${name}`, content] as const);
        const tree: TreeFiles = Object.fromEntries<string | Buffer>([...small, ...large]);
        await makeTree(join(source, 'from'), tree);
        const { problems } = await runTree(
          direction === 'up'
            ? client.uploadTree(join(local, 'from'), ['to'])
            : client.downloadTree(['from'], join(local, 'to')),
        );
        assert.deepEqual(problems, []);
        assert.deepEqual(await readTree(join(target, 'to')), await readTree(join(source, 'from')));
      });
    }
  });
};
