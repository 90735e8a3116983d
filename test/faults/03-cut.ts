import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { pattern } from '../helpers/collect.ts';
import { type Direction, TOKEN_FRAME_BYTES } from '../helpers/fault-proxy.ts';
import { assertFiles, outcomeOf, startScene } from './scene.ts';

const CONTENT = pattern(300_000);
const HEADER = 10;
// One frame of content, the empty frame, and a trailer whose length is known from here.
const TRAILER = HEADER + JSON.stringify({ bytes: CONTENT.length, digest: 'x'.repeat(64) }).length;
const BEFORE_END = HEADER + CONTENT.length;
const BEFORE_TRAILER = BEFORE_END + HEADER;
const WHOLE = BEFORE_TRAILER + TRAILER;

const PLACES = [
  { where: 'before the first byte', at: 0 },
  { where: 'inside the first header', at: 5 },
  { where: 'behind the first header', at: HEADER },
  { where: 'inside the payload', at: HEADER + 123_456 },
  { where: 'before the empty frame', at: BEFORE_END },
  { where: 'before the trailer', at: BEFORE_TRAILER },
  { where: 'inside the header of the trailer', at: BEFORE_TRAILER + 3 },
  { where: 'inside the trailer', at: BEFORE_TRAILER + 40 },
  { where: 'before the last byte of the trailer', at: WHOLE - 1 },
];

/** A transfer onto a file that is there already, over a data connection that breaks: how both sides say it ended. */
const transfer = async (test: TestContext, direction: Direction, type: 'cut' | 'reset', at: number) => {
  const from = at + (direction === 'up' ? TOKEN_FRAME_BYTES : 0);
  const plan = [{ when: 'data', direction, at: from, fault: { type } }] as const;
  const { server, client, local } = await startScene(test, { plan });
  const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
  await writeFile(join(source, 'new'), CONTENT);
  await writeFile(join(target, 'file'), 'old');
  const running =
    direction === 'up' ? client.upload(join(local, 'new'), ['file']) : client.download(['new'], join(local, 'file'));
  const outcome = await outcomeOf(lastValueFrom(running));
  const report = await server.event('transfer');
  assert.ok((await client.ping()) >= 0);
  return { outcome, report, target, kept: await readFile(join(target, 'file')) };
};

export const faultCut = (): void => {
  // Each waits some seconds for a reason that never comes, so they run side by side.
  describe(
    'fault 3: FIN or RST in mid-file is never a success, and the session lives on',
    { concurrency: true },
    () => {
      for (const direction of ['up', 'down'] as const)
        for (const type of ['cut', 'reset'] as const) {
          const what = `${type === 'cut' ? 'FIN' : 'RST'} on the way ${direction}`;
          for (const { where, at } of PLACES)
            it(`fault 3: ${what} ${where}`, async (test) => {
              const { outcome, report, target, kept } = await transfer(test, direction, type, at);
              assert.equal(outcome, 'CLOSED_EARLY');
              assert.deepEqual([report.outcome, report.error?.code], ['failed', 'CLOSED_EARLY']);
              assert.equal(kept.toString(), 'old');
              await assertFiles(target, ['file']);
            });

          it(`fault 3: ${what} just behind the trailer: whole and so told on both sides, or on neither`, async (test) => {
            const { outcome, report, target, kept } = await transfer(test, direction, type, WHOLE);
            assert.equal(report.outcome, outcome === 'done' ? 'completed' : 'failed', report.error?.message);
            assert.ok(kept.equals(outcome === 'done' ? CONTENT : Buffer.from('old')));
            await assertFiles(target, ['file']);
          });
        }
    },
  );
};
