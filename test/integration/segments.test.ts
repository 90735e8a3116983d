import assert from 'node:assert/strict';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { type Scene, type SceneOptions, assertFiles, startScene } from '../faults/scene.ts';
import { CliProcess } from '../helpers/cli.ts';
import { pattern, unexpected } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import type { Direction, Fault, PlannedFault } from '../helpers/fault-proxy.ts';
import { type FileTransfer, assertArrived, startFileTransfer, troublesOf } from '../helpers/file-transfer.ts';
import { MODIFIED, corrupt, keptBytes, leaveRuns, securedBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { openSession, until } from '../helpers/raw-peer.ts';
import { startClient } from '../helpers/server.ts';

checkLeaks();

const MIB = BLOCK_BYTES;
const CONTENT = pattern(12 * MIB + 1000);
// Tokens, headers, trailers and a receipt: far below one block.
const OVERHEAD = 64 * 1024;

const DIRECTIONS = ['down', 'up'] as const;

type Transfer = FileTransfer & Pick<Scene, 'proxy' | 'server'>;

/** A file that goes one way between a client and a server, through the scene's network. */
const startTransfer = async (
  test: TestContext,
  direction: Direction,
  { content = CONTENT, ...options }: SceneOptions & { readonly content?: Buffer } = {},
): Promise<Transfer> => {
  const scene = await startScene(test, options);
  return { ...scene, ...(await startFileTransfer(scene, direction, content)) };
};

describe('a file in segments', () => {
  const SIZES = { 'two blocks': 2 * MIB, 'two blocks and a byte': 2 * MIB + 1, 'twelve and a bit': CONTENT.length };
  for (const direction of DIRECTIONS)
    for (const [what, size] of Object.entries(SIZES))
      for (const segments of [1, 2, 3, 16])
        it(`of ${what} arrives over ${segments} connections, or one a block (${direction})`, async (test) => {
          const content = CONTENT.subarray(0, size);
          const transfer = await startTransfer(test, direction, { content });
          await lastValueFrom(transfer.run({ segments }));
          await assertArrived(transfer, content);
          assert.equal(transfer.wire().length, Math.min(segments, Math.ceil(size / MIB)));
        });
});

/** Breaks the data connection that comes as the `nth`, behind its second block or where the test says. */
const breaking = (direction: Direction, nth: number, fault: Fault, at = 2 * MIB + 5000): PlannedFault => ({
  when: 'data',
  nth,
  direction,
  at,
  fault,
});

/** Stops two of four data connections in their first block. */
const stopping = (direction: Direction, both: readonly number[]): PlannedFault[] =>
  both.map((nth) => breaking(direction, nth, { type: 'stop' }, 5000));

/** Begins a transfer in four segments, and resets the two that are stopped when the others have moved all that is theirs. */
const breakOff = async (transfer: Transfer, stopped: readonly number[]): Promise<void> => {
  const broken = failsWith('CLOSED_EARLY', lastValueFrom(transfer.run({ segments: 4 })));
  await until('the ends of the others', async () => (await securedBytes(transfer.folder)) >= 6 * MIB);
  for (const nth of stopped) transfer.proxy.connections('data')[nth]?.strike({ type: 'reset' });
  await broken;
};

/** Asserts that a transfer ended well, and that its tries from the connection `first` on moved what was missing. */
const assertResumed = async (transfer: Transfer, first: number): Promise<number> => {
  const resumed = await assertArrived(transfer, CONTENT);
  const moved = transfer.wire().slice(first);
  const sum = moved.reduce((bytes, more) => bytes + more, 0);
  assert.ok(resumed > 0 && sum >= CONTENT.length - resumed, `${moved.join()} bytes, ${resumed} were there`);
  assert.ok(sum < CONTENT.length - resumed + OVERHEAD, `${moved.join()} bytes, ${resumed} were there`);
  return resumed;
};

// Both sides wait for the reason of a lost data connection, so these take their time, side by side.
describe('a file in segments of which a connection breaks', { concurrency: true }, () => {
  for (const direction of DIRECTIONS)
    for (const type of ['cut', 'reset'] as const)
      it(`is gone on with in the one place where something is missing (${direction}, ${type})`, async (test) => {
        const plan = [breaking(direction, 1, { type: 'stop' })];
        const transfer = await startTransfer(test, direction, { plan });
        const broken = failsWith('CLOSED_EARLY', lastValueFrom(transfer.run({ segments: 4 })));
        await until(
          'the ends of the others',
          async () => (await securedBytes(transfer.folder)) >= CONTENT.length - 3 * MIB,
        );
        transfer.proxy.connections('data')[1]?.strike({ type });
        await broken;
        await lastValueFrom(transfer.run());
        // A reset takes what was on the way with it.
        assert.ok((await assertResumed(transfer, 4)) >= CONTENT.length - (type === 'cut' ? 1 : 3) * MIB);
        assert.equal(transfer.wire().length, 5);
      });

  for (const direction of DIRECTIONS)
    it(`is gone on with in several places, its first block among them, by as many connections (${direction})`, async (test) => {
      const transfer = await startTransfer(test, direction, { plan: stopping(direction, [0, 2]) });
      await breakOff(transfer, [0, 2]);
      await lastValueFrom(transfer.run());
      await assertResumed(transfer, 4);
      assert.equal(transfer.wire().length, 6);
    });

  for (const direction of DIRECTIONS)
    it(`is gone on with by one connection where there is no place for more (${direction})`, async (test) => {
      const options = { plan: stopping(direction, [1, 2]), serve: { maxTransfersInAll: 4 } };
      const transfer = await startTransfer(test, direction, options);
      await breakOff(transfer, [1, 2]);
      const others = await occupy(test, transfer, 3);
      await lastValueFrom(transfer.run({ segments: 4 }));
      others.close();
      // From the first hole to the end of the last one: what is between them comes a second time.
      await assertResumed(transfer, 4);
      assert.equal(transfer.wire().length, 4 + 1);
    });

  for (const direction of DIRECTIONS)
    it(`goes on by itself (${direction})`, async (test) => {
      const plan = [breaking(direction, 3, { type: 'reset' }, 5000)];
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } });
      await lastValueFrom(transfer.run({ segments: 4 }));
      await assertResumed(transfer, 4);
      assert.deepEqual(troublesOf(transfer), ['CLOSED_EARLY']);
    });

  it('of a client that listens is gone on with behind its first blocks', async (test) => {
    const plan = [0, 2].map((nth) => breaking('down', nth, { type: 'cut' }, MIB + 5000));
    const transfer = await startTransfer(test, 'down', { plan });
    await failsWith('CLOSED_EARLY', lastValueFrom(transfer.run({ segments: 4 })));
    const listening = await startClient(test, transfer.server, { dataListener: 'client' });
    const { state, resumed } = await lastValueFrom(listening.download(['source'], transfer.target, { segments: 4 }));
    assert.deepEqual([state, resumed], ['completed', MIB]);
    assert.ok(CONTENT.equals(await readFile(transfer.target)));
  });
});

describe('a file in segments with a block that is broken on the way', () => {
  for (const direction of DIRECTIONS)
    it(`has it alone sent again (${direction})`, async (test) => {
      const plan = [breaking(direction, 2, { type: 'corrupt' }, MIB + 5000)];
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } });
      await lastValueFrom(transfer.run({ segments: 4 }));
      assert.equal(await assertResumed(transfer, 4), CONTENT.length - MIB);
      assert.deepEqual(troublesOf(transfer), ['DIGEST_MISMATCH']);
    });

  for (const direction of DIRECTIONS)
    it(`has one of each sent again (${direction})`, async (test) => {
      const plan = [0, 1, 2, 3].map((nth) => breaking(direction, nth, { type: 'corrupt' }, MIB + 5000));
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } });
      await lastValueFrom(transfer.run({ segments: 4 }));
      assert.equal(await assertResumed(transfer, 4), CONTENT.length - 4 * MIB);
      assert.deepEqual(troublesOf(transfer), ['DIGEST_MISMATCH']);
    });
});

describe('a file in segments of which one has a broken block while another stands still', () => {
  for (const direction of DIRECTIONS)
    it(`is given up as stalled (${direction})`, async (test) => {
      const plan = [breaking(direction, 0, { type: 'stop' }), breaking(direction, 1, { type: 'corrupt' }, 5 * MIB)];
      const limits = { quietMs: 200, stallMs: 1000 };
      const transfer = await startTransfer(test, direction, { plan, serve: { limits }, connect: { stallMs: 1000 } });
      await failsWith('STALLED', lastValueFrom(transfer.run({ segments: 2 })));
    });
});

describe('a file with many holes', () => {
  for (const direction of DIRECTIONS)
    it(`has one of its missing blocks sent again when that is broken on the way (${direction})`, async (test) => {
      const content = pattern(25 * MIB);
      const transfer = await startTransfer(test, direction, {
        content,
        plan: [breaking(direction, 0, { type: 'corrupt' }, 100_000)],
        connect: { retries: 1 },
      });
      const there = Array.from({ length: 12 }, (_, index) => [(2 * index + 1) * MIB, (2 * index + 2) * MIB] as const);
      await leaveRuns(transfer.folder, 'file', content, there);
      await lastValueFrom(transfer.run());
      assert.equal(await assertArrived(transfer, content), 24 * MIB);
      assert.equal(transfer.wire().length, 14);
    });
});

describe('a file in segments that is cancelled', () => {
  const STOP = { type: 'stop' } as const;

  for (const direction of DIRECTIONS)
    it(`leaves what is verified, and its connections (${direction})`, async (test) => {
      const plan = [0, 1, 2, 3].map((nth) => breaking(direction, nth, STOP));
      const transfer = await startTransfer(test, direction, { plan });
      const running = transfer.run({ segments: 4 }).subscribe({ error: unexpected });
      await until('a block of each', () => transfer.wire().filter((bytes) => bytes >= 2 * MIB).length === 4);
      await until('secure blocks', async () => (await securedBytes(transfer.folder)) >= 4 * MIB);
      running.unsubscribe();
      await until('a kept part', async () => (await keptBytes(transfer.folder, 'file')) > 0);
      for (const connection of transfer.proxy.connections('data')) connection.go();
      await lastValueFrom(transfer.run({ segments: 2 }));
      assert.ok((await assertResumed(transfer, 4)) >= 4 * MIB);
    });

  for (const direction of DIRECTIONS)
    it(`leaves nothing where it was told so (${direction})`, async (test) => {
      const plan = [0, 1, 2, 3].map((nth) => breaking(direction, nth, STOP));
      const transfer = await startTransfer(test, direction, { plan });
      const running = transfer.run({ segments: 4, resume: false }).subscribe({ error: unexpected });
      await until('a block of each', () => transfer.wire().filter((bytes) => bytes >= MIB).length === 4);
      running.unsubscribe();
      await until('a clean folder', async () => !(await readdir(transfer.folder)).some((name) => name.startsWith('.')));
    });
});

describe('a file in segments whose source has changed since it broke off', () => {
  // The block behind the second run is not touched: of each run the last one tells.
  const PLACES = { first: 2 * MIB - 1, last: CONTENT.length - 1 };
  for (const direction of DIRECTIONS)
    for (const [which, at] of Object.entries(PLACES))
      it(`in the last block of its ${which} run comes from its first byte (${direction})`, async (test) => {
        const transfer = await startTransfer(test, direction, { connect: { retries: 1 } });
        await leaveRuns(transfer.folder, 'file', CONTENT, [
          [0, 2 * MIB],
          [5 * MIB, CONTENT.length],
        ]);
        await corrupt(transfer.source, at);
        await utimes(transfer.source, MODIFIED / 1000, MODIFIED / 1000);
        const { state, resumed } = await lastValueFrom(transfer.run({ segments: 3 }));
        assert.deepEqual([state, resumed], ['completed', undefined]);
        assert.deepEqual(troublesOf(transfer), ['OFFSET_MISMATCH']);
        assert.ok((await readFile(transfer.source)).equals(await readFile(transfer.target)));
      });
});

describe('a process with a file in segments that is killed', () => {
  for (const direction of DIRECTIONS)
    it(`leaves what the next one goes on with (${direction})`, async (test) => {
      const plan = [0, 1, 2, 3].map((nth) => breaking(direction, nth, { type: 'stop' }));
      const { server, proxy, local: here } = await startScene(test, { plan });
      const [sources, folder] = direction === 'up' ? [here, server.root] : [server.root, here];
      await writeFile(join(sources, 'source'), CONTENT);
      const url = (name: string) => `sluice://127.0.0.2:${proxy.port}/${name}`;
      const words = direction === 'up' ? ['put', 'source', url('file')] : ['get', url('source'), 'file'];
      const killed = new CliProcess(test, [...words, '--segments', '4'], { cwd: here });
      await until('secure blocks', async () => (await securedBytes(folder)) >= 4 * MIB);
      killed.kill('SIGKILL');
      await killed.exited;
      await until('a kept part', async () => (await keptBytes(folder, 'file')) >= 4 * MIB);
      const { code, stderr } = await new CliProcess(test, words, { cwd: here }).exited;
      assert.deepEqual([code, stderr], [0, '']);
      const again = proxy.connections('data').slice(4);
      const moved = again.reduce((bytes, { passed }) => bytes + passed[direction], 0);
      assert.ok(moved < CONTENT.length - 4 * MIB + OVERHEAD, `${moved} bytes`);
      assert.ok(CONTENT.equals(await readFile(join(folder, 'file'))));
      await assertFiles(folder, ['file']);
    });
});

describe('a server without places for so many segments', () => {
  for (const [what, serve, connections] of [
    ['of a session', { maxTransfers: 2 }, 3],
    ['of all', { maxTransfersInAll: 2 }, 2],
    ['but the one', { maxTransfersInAll: 1 }, 1],
  ] as const)
    it(`gives fewer: ${what}`, async (test) => {
      const transfer = await startTransfer(test, 'down', { serve });
      for (const times of [1, 2]) {
        await lastValueFrom(transfer.run({ segments: 8 }));
        assert.equal(transfer.wire().length, times * connections);
      }
      await assertArrived(transfer, CONTENT);
    });
});

/** Takes places for transfers, until closed. */
const occupy = async (test: TestContext, { server }: Transfer, count: number) => {
  const session = await openSession(test, server);
  let id = 0;
  const isTaken = async () => (await session.ask({ type: 'put', id: (id += 1), path: [`other-${id}`] }))['port'];
  for (let place = 0; place < count; place += 1)
    await until('a free place', async () => typeof (await isTaken()) === 'number');
  return { close: () => session.socket.destroy() };
};
