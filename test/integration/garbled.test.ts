import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { type Observable, lastValueFrom, tap } from 'rxjs';
import { type Client, SluiceError, type TransferProgress, type TreeProgress } from '../../lib/index.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { type Scene, assertFiles, outcomeOf, startScene } from '../faults/scene.ts';
import { pattern } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { type Direction, type PlannedFault, TOKEN_FRAME_BYTES } from '../helpers/fault-proxy.ts';
import { MODIFIED, keptBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { until } from '../helpers/raw-peer.ts';

checkLeaks();

// One bit that changes on its way, at every kind of place. What TCP's own checksum lets through is rare, and yet it comes.

const CONTENT = pattern(BLOCK_BYTES + 1000);
const READ = BLOCK_BYTES / 2;
const HEADER = 10;
const MODE = 0o644;

const DIRECTIONS = ['down', 'up'] as const;

/** A stretch of what goes over a data connection. */
interface Stretch {
  readonly what: string;
  readonly from: number;
  readonly length: number;
}

/** Stretches that follow each other, told by their lengths. */
const ruler = (...parts: readonly (readonly [what: string, length: number])[]): Stretch[] => {
  let from = 0;
  return parts.map(([what, length]) => ({ what, length, from: (from += length) - length }));
};

const lengthOf = (message: Readonly<Record<string, unknown>>): number =>
  JSON.stringify({ ...message, check: '00000000' }).length;

const digest = 'x'.repeat(64);
const BLOCK = [
  ['the header of a content frame', HEADER],
  ['the content', READ],
  ['the header of a later frame', HEADER],
  ['the later content', READ],
  ['the empty frame', HEADER],
  ['the length of the trailer', HEADER],
  ['the trailer', lengthOf({ bytes: BLOCK_BYTES, digest, more: true })],
] as const;
const LAST_BLOCK = [
  ['the header of the last content frame', HEADER],
  ['the last content', CONTENT.length - BLOCK_BYTES],
  ['the last empty frame', HEADER],
  ['the length of the last trailer', HEADER],
  ['the last trailer', lengthOf({ bytes: CONTENT.length, digest })],
] as const;
const FILE_HEADER = lengthOf({
  type: 'file',
  path: ['sub', 'file'],
  size: CONTENT.length,
  modified: MODIFIED,
  mode: MODE,
});
const FILE = ruler(...BLOCK, ...LAST_BLOCK);
const TREE = ruler(
  ['the length of a folder’s header', HEADER],
  ['a folder’s header', lengthOf({ type: 'folder', path: ['sub'] })],
  ['the length of a file’s header', HEADER],
  ['a file’s header', FILE_HEADER],
  ...BLOCK,
  ...LAST_BLOCK,
  ['the length of the tree’s end', HEADER],
  ['the tree’s end', lengthOf({ type: 'end', files: 1, bytes: CONTENT.length })],
);
const TOKEN = ruler(['the length of the token', HEADER], ['the token', TOKEN_FRAME_BYTES - HEADER]);

/** A bit of the first data connection that is flipped. */
interface Flip {
  readonly name: string;
  readonly plan: readonly PlannedFault[];
  /** Where in the connection's content it is; before it, for a token. */
  readonly at: number;
}

/** Flips at the start, in the middle and at the end of each stretch: one that leaves a digit a digit, and one that does not. */
const flipsOf = (direction: Direction, stretches: readonly Stretch[]): Flip[] => {
  const flip = (way: Direction, { what, from, length }: Stretch, start: number): Flip[] =>
    [0, length >> 1, length - 1].map((within, index) => {
      const bit = index === 1 ? 4 : 0;
      const fault = { type: 'corrupt', bit } as const;
      const plan = [{ when: 'data', nth: 0, direction: way, at: start + from + within, fault }] as const;
      return { name: `bit ${bit} of byte ${within} of ${what}`, plan, at: way === direction ? from + within : -1 };
    });
  const start = direction === 'up' ? TOKEN_FRAME_BYTES : 0;
  return [
    ...TOKEN.flatMap((stretch) => flip('up', stretch, 0)).map((token) => ({ ...token, at: -1 })),
    ...stretches.flatMap((stretch) => flip(direction, stretch, start)),
  ];
};

/** How much of the file arrives as it was sent, and can be seen to, where a bit of it or around it is flipped. */
const verifiedBeside = (at: number): number => {
  const { what = '' } = FILE.find(({ from, length }) => from <= at && at < from + length) ?? {};
  // Where only content is another, what is behind it is in its place.
  if (['the content', 'the later content'].includes(what)) return CONTENT.length - BLOCK_BYTES;
  return at >= (FILE[BLOCK.length]?.from ?? 0) ? BLOCK_BYTES : 0;
};

const inTheMiddle = (flips: readonly Flip[]): Flip[] => flips.filter((_, index) => index % 3 === 1);

// Where a length is wrong, somebody waits for bytes that do not come.
const LIMITS = { helloMs: 4000, dataMs: 4000, quietMs: 500, stallMs: 6000 };

const start = (test: TestContext, plan: readonly PlannedFault[], retries: number): Promise<Scene> =>
  startScene(test, { plan, serve: { limits: LIMITS }, connect: { retries, stallMs: 6000 } });

const makeFile = async (path: string): Promise<void> => {
  await writeFile(path, CONTENT);
  await chmod(path, MODE);
  await utimes(path, MODIFIED / 1000, MODIFIED / 1000);
};

/** A transfer of the file onto one that is there already. */
const fileTransfer = async ({ server, client, local }: Scene, direction: Direction) => {
  const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
  await makeFile(join(source, 'new'));
  await writeFile(join(target, 'file'), 'old');
  return { target, transfer$: copyOf(client, local, direction) };
};

const copyOf = (client: Client, local: string, direction: Direction): Observable<TransferProgress> =>
  direction === 'up' ? client.upload(join(local, 'new'), ['file']) : client.download(['new'], join(local, 'file'));

/** A transfer of a folder that has the file in a folder. */
const treeTransfer = async ({ server, client, local }: Scene, direction: Direction) => {
  const [source, target] = direction === 'up' ? [local, server.root] : [server.root, local];
  await mkdir(join(source, 'tree', 'sub'), { recursive: true });
  await makeFile(join(source, 'tree', 'sub', 'file'));
  const transfer$: Observable<TreeProgress> =
    direction === 'up'
      ? client.uploadTree(join(local, 'tree'), ['copy'])
      : client.downloadTree(['tree'], join(local, 'copy'));
  return { target: join(target, 'copy'), transfer$ };
};

const troublesOf = async (transfer$: Observable<TransferProgress>): Promise<string[]> => {
  const troubles: string[] = [];
  const note = ({ trouble }: TransferProgress) => {
    if (trouble !== undefined) troubles.push(trouble.code);
  };
  await lastValueFrom(transfer$.pipe(tap(note)));
  return troubles;
};

// Both sides wait for the reason of a lost data connection, so these take their time, side by side.
describe('a bit that is flipped on a data connection', { concurrency: 16 }, () => {
  for (const direction of DIRECTIONS)
    for (const { name, plan } of flipsOf(direction, FILE))
      it(`is found, and the file sent again (${direction}): ${name}`, async (test) => {
        const scene = await start(test, plan, 2);
        const { target, transfer$ } = await fileTransfer(scene, direction);
        assert.notDeepEqual(await troublesOf(transfer$), []);
        assert.ok(CONTENT.equals(await readFile(join(target, 'file'))));
        assert.deepEqual(await readdir(target), ['file']);
      });

  for (const direction of DIRECTIONS)
    for (const { name, plan, at } of inTheMiddle(flipsOf(direction, FILE)))
      it(`fails a transfer that is not to be tried again, and costs nothing that is verified (${direction}): ${name}`, async (test) => {
        const scene = await start(test, plan, 0);
        const { target, transfer$ } = await fileTransfer(scene, direction);
        assert.notEqual(await outcomeOf(lastValueFrom(transfer$)), 'done');
        assert.equal(await readFile(join(target, 'file'), 'utf8'), 'old');
        await until(
          'what is verified to be kept',
          async () => (await keptBytes(target, 'file')) === verifiedBeside(at),
        );
      });

  for (const direction of DIRECTIONS)
    for (const { name, plan } of inTheMiddle(flipsOf(direction, TREE)))
      it(`is found, and the tree completed (${direction}): ${name}`, async (test) => {
        const { target, transfer$ } = await treeTransfer(await start(test, plan, 2), direction);
        assert.notDeepEqual(await troublesOf(transfer$), []);
        assert.deepEqual((await readdir(target, { recursive: true })).sort(), ['sub', 'sub/file']);
        assert.ok(CONTENT.equals(await readFile(join(target, 'sub', 'file'))));
      });
});

// Both hellos, the request, and all that is said about it lie within so many bytes.
const CONTROL_BYTES = { up: 480, down: 680 };
const STEP = 23;

/** A connection whose control bytes are flipped at one place, and what came of a transfer over it. */
const garbledControl = async (
  test: TestContext,
  { way, direction, at, retries }: { way: Direction; direction: Direction; at: number; retries: number },
): Promise<string> => {
  const plan = [{ when: 'control', nth: 0, direction: way, at, fault: { type: 'corrupt' } }] as const;
  let scene: Scene;
  try {
    scene = await start(test, plan, retries);
  } catch (error) {
    assert.ok(error instanceof SluiceError, String(error));
    return 'not connected';
  }
  const { target, transfer$ } = await fileTransfer(scene, direction);
  const outcome = await outcomeOf(lastValueFrom(transfer$));
  const kept = await readFile(join(target, 'file'));
  const isNew = CONTENT.equals(kept);
  assert.ok(isNew || (outcome !== 'done' && kept.toString() === 'old'), `${outcome}, and the file is neither`);
  await assertFiles(target, ['file']);
  return outcome;
};

describe('a bit that is flipped on a control connection', { concurrency: 16 }, () => {
  for (const way of DIRECTIONS)
    for (const direction of DIRECTIONS) {
      const garbleAll = async (test: TestContext, retries: number): Promise<string[]> => {
        const places = Array.from({ length: Math.ceil(CONTROL_BYTES[way] / STEP) }, (_, index) => index * STEP);
        return Promise.all(places.map((at) => garbledControl(test, { way, direction, at, retries })));
      };

      it(`${way} costs the session, and a transfer ${direction} goes on in another one`, async (test) => {
        const outcomes = await garbleAll(test, 3);
        assert.deepEqual([...new Set(outcomes)].sort(), ['done', 'not connected']);
      });

      it(`${way} fails a transfer ${direction} that is not to be tried again with a typed error, and is no wrong success`, async (test) => {
        const outcomes = await garbleAll(test, 0);
        assert.ok(outcomes.includes('DIGEST_MISMATCH'), outcomes.join());
      });
    }

  it('never makes the server do something else than was asked for', async (test) => {
    const names = ['a', 'b', 'c'].map((letter) => letter.repeat(8));
    const removed = async (at: number): Promise<void> => {
      const plan = [{ when: 'control', nth: 0, direction: 'up', at, fault: { type: 'corrupt' } }] as const;
      const { server, client } = await start(test, plan, 0);
      for (const name of names) await writeFile(join(server.root, name), '');
      // The lowest bit turns b into c.
      assert.notEqual(await outcomeOf(client.remove(['bbbbbbbb'])), 'done');
      assert.deepEqual((await readdir(server.root)).sort(), names);
    };
    const { proxy, client } = await startScene(test);
    const from = proxy.connections('control')[0]?.passed.up ?? 0;
    await failsWith('NOT_FOUND', client.remove(['bbbbbbbb']));
    const to = proxy.connections('control')[0]?.passed.up ?? 0;
    await Promise.all(Array.from({ length: to - from }, (_, index) => removed(from + index)));
  });
});
