import assert from 'node:assert/strict';
import { appendFile, readFile, readdir, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom, tap } from 'rxjs';
import { type Client, LocalFolderStore, type Store, formatPath } from '../../lib/index.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PART_PREFIX } from '../../lib/protocol/path.ts';
import { type Scene, type SceneOptions, startScene } from '../faults/scene.ts';
import { CliProcess } from '../helpers/cli.ts';
import { ALWAYS_OPEN$, pattern } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { type Direction, type Fault, TOKEN_FRAME_BYTES, startFaultProxy } from '../helpers/fault-proxy.ts';
import { type FileTransfer, assertArrived, startFileTransfer, troublesOf } from '../helpers/file-transfer.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { freePorts } from '../helpers/free-ports.ts';
import { MODIFIED, corrupt, digestsOf, keptBytes, leavePart, securedBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { connectRawData, messageFrame, offerOf, openSession, rawFrame, sha256, until } from '../helpers/raw-peer.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

const MIB = BLOCK_BYTES;
const CONTENT = pattern(12 * MIB + 1000);
const BREAK_AT = 5 * MIB + 1234;
// Headers and trailers of so much content, and a receipt: far below one block.
const OVERHEAD = 64 * 1024;

const DIRECTIONS = ['down', 'up'] as const;

const startTransfer = async (
  test: TestContext,
  direction: Direction,
  options: SceneOptions = {},
  content = CONTENT,
) => {
  const scene = await startScene(test, options);
  return { ...scene, ...(await startFileTransfer(scene, direction, content)) };
};

/** Flips a bit in the middle of a block of the first data connection. */
const breaking = (direction: Direction, block: number) =>
  ({ when: 'data', nth: 0, direction, at: block * MIB + 100_000, fault: { type: 'corrupt' } }) as const;

/** Something that happens to the first data connection, when half of the content is through. */
const halfWay = (direction: Direction, fault: Fault) =>
  [{ when: 'data', nth: 0, direction, at: BREAK_AT, fault }] as const;

const halfThrough = ({ wire }: Pick<FileTransfer, 'wire'>) =>
  until('half of the content on the wire', () => (wire()[0] ?? 0) >= BREAK_AT);

/** The same, and the receiver has something that it can keep. */
const halfSecured = async (transfer: Pick<FileTransfer, 'wire' | 'folder'>): Promise<void> => {
  await halfThrough(transfer);
  await until('a block that is secure', async () => (await securedBytes(transfer.folder)) >= MIB);
};

/** Asserts that a transfer ended well, and that its last data connection moved what was missing and nothing else. */
const assertResumed = async (transfer: FileTransfer): Promise<number> => {
  const resumed = await assertArrived(transfer, CONTENT);
  assert.ok(resumed >= MIB, `only ${resumed} bytes were there`);
  const wire = transfer.wire();
  assert.ok((wire.at(-1) ?? 0) < CONTENT.length - resumed + OVERHEAD, `${wire.join()} bytes, ${resumed} were there`);
  return resumed;
};

// Both sides wait for the reason of a lost data connection, so these take their time, side by side.
describe('a transfer whose data connection breaks', { concurrency: true }, () => {
  for (const direction of DIRECTIONS)
    for (const type of ['cut', 'reset'] as const)
      it(`goes on by itself where it was (${direction}, ${type})`, async (test) => {
        const connect = { retries: 1 };
        const transfer = await startTransfer(test, direction, { plan: halfWay(direction, { type }), connect });
        await lastValueFrom(transfer.run());
        await assertResumed(transfer);
        assert.deepEqual(troublesOf(transfer), ['CLOSED_EARLY']);
        assert.equal(transfer.proxy.connections('control').length, 1);
      });

  for (const direction of DIRECTIONS)
    it(`is gone on with by the next one when nobody tries again (${direction})`, async (test) => {
      const transfer = await startTransfer(test, direction, { plan: halfWay(direction, { type: 'reset' }) });
      await failsWith('CLOSED_EARLY', lastValueFrom(transfer.run()));
      await lastValueFrom(transfer.run());
      await assertResumed(transfer);
      assert.deepEqual(troublesOf(transfer), []);
    });
});

describe('a transfer whose control connection breaks', () => {
  for (const direction of DIRECTIONS)
    for (const type of ['cut', 'reset'] as const)
      it(`goes on in a session of its own (${direction}, ${type})`, async (test) => {
        const plan = halfWay(direction, { type: 'stop' });
        const transfer = await startTransfer(test, direction, { plan, connect: { retries: 5 } });
        const running = lastValueFrom(transfer.run());
        await halfSecured(transfer);
        transfer.proxy.connections('control')[0]?.strike({ type });
        await running;
        await assertResumed(transfer);
        assert.equal(troublesOf(transfer)[0], 'CLOSED_EARLY');
        assert.equal(transfer.proxy.connections('control').length, 2);
        assert.ok((await transfer.client.ping()) >= 0);
      });
});

describe('a transfer that waits for its next try', () => {
  for (const direction of DIRECTIONS) {
    const startWaiting = async (test: TestContext) => {
      const plan = halfWay(direction, { type: 'stop' });
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 5 } });
      const lose = async () => {
        await halfSecured(transfer);
        transfer.proxy.connections('control')[0]?.strike({ type: 'reset' });
      };
      return { ...transfer, lose };
    };

    it(`ends when its signal is aborted, and is gone on with by the next one (${direction})`, async (test) => {
      const { lose, ...transfer } = await startWaiting(test);
      const abort = new AbortController();
      const running = transfer.run({ signal: abort.signal }).pipe(
        tap(({ state }) => {
          if (state === 'waiting') abort.abort();
        }),
      );
      const ending = failsWith('CANCELLED', lastValueFrom(running));
      await lose();
      await ending;
      assert.deepEqual([transfer.seen.at(-1)?.state, transfer.proxy.connections('control').length], ['waiting', 1]);
      await lastValueFrom(transfer.run());
      await assertResumed(transfer);
    });

    it(`ends when its client is closed (${direction})`, async (test) => {
      const { lose, ...transfer } = await startWaiting(test);
      const running = transfer.run().pipe(
        tap(({ state }) => {
          if (state === 'waiting') transfer.client.close();
        }),
      );
      const ending = failsWith('CLOSED_EARLY', lastValueFrom(running));
      await lose();
      await ending;
      assert.equal(transfer.proxy.connections('control').length, 1);
    });
  }
});

describe('a transfer that is cancelled', () => {
  const CANCELS: Readonly<Record<string, (run: FileTransfer['run']) => () => Promise<void>>> = {
    'its subscriber leaves': (run) => {
      const running = run().subscribe({ error: (error: unknown) => assert.ifError(error) });
      return () => Promise.resolve(running.unsubscribe());
    },
    'its signal is aborted': (run) => {
      const abort = new AbortController();
      const running = failsWith('CANCELLED', lastValueFrom(run({ signal: abort.signal })));
      return async () => {
        abort.abort();
        await running;
      };
    },
  };
  for (const direction of DIRECTIONS)
    for (const [how, begin] of Object.entries(CANCELS))
      it(`is gone on with by the next one when ${how} (${direction})`, async (test) => {
        const transfer = await startTransfer(test, direction, { plan: halfWay(direction, { type: 'stop' }) });
        const cancel = begin(transfer.run);
        await halfSecured(transfer);
        // At once: the next one waits until this one has let go.
        const cancelled = cancel();
        await lastValueFrom(transfer.run());
        await cancelled;
        await assertResumed(transfer);
        assert.equal(transfer.proxy.connections('control').length, 1);
      });

  for (const direction of DIRECTIONS)
    it(`keeps nothing when it was told so (${direction})`, async (test) => {
      const transfer = await startTransfer(test, direction, { plan: halfWay(direction, { type: 'stop' }) });
      const running = transfer.run({ resume: false }).subscribe({ error: (error: unknown) => assert.ifError(error) });
      await halfThrough(transfer);
      running.unsubscribe();
      await until('a clean folder', async () => !(await readdir(transfer.folder)).some((name) => name.startsWith('.')));
      await lastValueFrom(transfer.run());
      assert.equal(transfer.seen.at(-1)?.resumed, undefined);
      assert.ok((transfer.wire().at(-1) ?? 0) > CONTENT.length);
    });
});

describe('a block that is broken on the way', () => {
  for (const direction of DIRECTIONS)
    it(`is found, and it alone is sent again (${direction})`, async (test) => {
      const plan = halfWay(direction, { type: 'corrupt' });
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } });
      await lastValueFrom(transfer.run());
      assert.equal(await assertResumed(transfer), CONTENT.length - MIB);
      assert.deepEqual(troublesOf(transfer), ['DIGEST_MISMATCH']);
    });

  for (const direction of DIRECTIONS)
    for (const broken of [[0], [12], [0, 5, 6, 12]])
      it(`is one of ${broken.join()}, and only these are sent again (${direction})`, async (test) => {
        const content = pattern(13 * MIB);
        const plan = broken.map((block) => breaking(direction, block));
        const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } }, content);
        await lastValueFrom(transfer.run());
        assert.equal(await assertArrived(transfer, content), (13 - broken.length) * MIB);
        const [, ...again] = transfer.wire();
        assert.ok(again.reduce((sum, bytes) => sum + bytes, 0) < broken.length * MIB + OVERHEAD, again.join());
        assert.deepEqual(troublesOf(transfer), ['DIGEST_MISMATCH']);
      });

  for (const direction of DIRECTIONS)
    it(`ends the transfer at once where nothing of it is kept (${direction})`, async (test) => {
      const plan = [
        breaking(direction, 1),
        { when: 'data', nth: 0, direction, at: 11 * MIB, fault: { type: 'stop' } } as const,
      ];
      const transfer = await startTransfer(test, direction, { plan });
      await failsWith('DIGEST_MISMATCH', lastValueFrom(transfer.run({ resume: false })));
    });

  it('ends the transfer at once where the store could not fill its place later', async (test) => {
    const folder = await LocalFolderStore.open(await temporaryFolder(test));
    const store: Store = {
      list: (path) => folder.list(path),
      stat: (path) => folder.stat(path),
      open: (path) => folder.open(path),
      kept: (path) => folder.kept(path),
      begin: async (path, options) => {
        const part = await folder.begin(path, options);
        return {
          content: part.content,
          commit: () => part.commit(),
          discard: () => part.discard(),
          suspend: () => part.suspend(),
        };
      },
      remove: (path) => folder.remove(path),
      makeFolder: (path) => folder.makeFolder(path),
      removeFolder: (path, options) => folder.removeFolder(path, options),
      move: (from, to) => folder.move(from, to),
      space: () => folder.space(),
    };
    const plan = [
      breaking('up', 1),
      { when: 'data', nth: 0, direction: 'up', at: 11 * MIB, fault: { type: 'stop' } } as const,
    ];
    const scene = await startScene(test, { plan, serve: { store } });
    const source = join(scene.local, 'source');
    await writeFile(source, CONTENT);
    await failsWith('DIGEST_MISMATCH', lastValueFrom(scene.client.upload(source, ['file'])));
    await until('what came before it', async () => (await keptBytes(folder.root, 'file')) === MIB);
  });

  it('gives none of its bytes to a pipeline of the user’s own', async (test) => {
    const scene = await startTransfer(test, 'down', { plan: [breaking('down', 2)] });
    const chunks: Buffer[] = [];
    const taking$ = scene.client
      .source(['source'])(ALWAYS_OPEN$)
      .pipe(tap((chunk) => chunks.push(Buffer.from(chunk))));
    await failsWith('DIGEST_MISMATCH', lastValueFrom(taking$));
    assert.ok(Buffer.concat(chunks).equals(CONTENT.subarray(0, 2 * MIB)));
  });

  for (const direction of DIRECTIONS)
    it(`ends the transfer where too many came before it for what is good to be said (${direction})`, async (test) => {
      const content = pattern(34 * MIB);
      const plan = Array.from({ length: 17 }, (_, index) => breaking(direction, 2 * index));
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } }, content);
      await lastValueFrom(transfer.run());
      assert.equal(await assertArrived(transfer, content), 15 * MIB);
    });

  for (const direction of DIRECTIONS)
    it(`ends the transfer when it is broken every time (${direction})`, async (test) => {
      const plan = Array.from({ length: 9 }, (_, nth) => ({
        when: 'data' as const,
        nth,
        direction,
        at: TOKEN_FRAME_BYTES + 500,
        fault: { type: 'corrupt' as const },
      }));
      const transfer = await startTransfer(test, direction, { plan, connect: { retries: 1 } });
      await failsWith('DIGEST_MISMATCH', lastValueFrom(transfer.run()));
      // The second try began behind the first, and so does not count as one more of it.
      assert.equal(transfer.wire().length, 3);
      assert.equal(await keptBytes(transfer.folder, 'file'), CONTENT.length - MIB);
    });
});

describe('a transfer of which all blocks are there, but no file', () => {
  for (const direction of DIRECTIONS)
    it(`is completed without a byte of content (${direction})`, async (test) => {
      const transfer = await startTransfer(test, direction);
      await leavePart(transfer.folder, 'file', CONTENT, { bytes: CONTENT.length });
      await lastValueFrom(transfer.run());
      assert.equal(await assertResumed(transfer), CONTENT.length);
      assert.ok((transfer.wire()[0] ?? 0) < 1000);
    });
});

describe('a source that has changed since the transfer broke off', () => {
  const CHANGES: readonly { what: string; change: (file: string) => Promise<void> }[] = [
    {
      what: 'its length',
      change: async (file) => {
        await appendFile(file, 'more');
        await utimes(file, MODIFIED / 1000, MODIFIED / 1000);
      },
    },
    { what: 'its time', change: (file) => utimes(file, MODIFIED / 1000 + 1, MODIFIED / 1000 + 1) },
    {
      what: 'its last block alone',
      change: async (file) => {
        await corrupt(file, 6 * MIB - 1);
        await utimes(file, MODIFIED / 1000, MODIFIED / 1000);
      },
    },
  ];
  for (const direction of DIRECTIONS)
    for (const { what, change } of CHANGES)
      it(`in ${what} is sent from its first byte (${direction})`, async (test) => {
        const transfer = await startTransfer(test, direction, { connect: { retries: 1 } });
        await leavePart(transfer.folder, 'file', CONTENT, { bytes: 6 * MIB });
        await change(transfer.source);
        const { state, resumed } = await lastValueFrom(transfer.run());
        assert.deepEqual([state, resumed], ['completed', undefined]);
        assert.ok((await readFile(transfer.source)).equals(await readFile(transfer.target)));
        assert.deepEqual(await readdir(transfer.folder), ['file']);
        assert.deepEqual(troublesOf(transfer), ['OFFSET_MISMATCH']);
      });

  for (const direction of DIRECTIONS)
    it(`while it was read leaves nothing to go on with (${direction})`, async (test) => {
      const transfer = await startTransfer(test, direction, { plan: halfWay(direction, { type: 'stop' }) });
      // More than can be on the way, so that it is not read to its end.
      await truncate(transfer.source, 64 * MIB);
      const running = failsWith('SOURCE_CHANGED', lastValueFrom(transfer.run()));
      await halfSecured(transfer);
      await appendFile(transfer.source, 'more');
      transfer.proxy.connections('data')[0]?.go();
      await running;
      await until('an empty folder', async () => (await readdir(transfer.folder)).every((name) => name === 'source'));
    });
});

describe('a put of the same file by two clients at once', () => {
  it('is BUSY for the second, also where the first goes on with what was kept', async (test) => {
    const plan = [{ when: 'data', direction: 'up', at: 2 * MIB, fault: { type: 'stop' } }] as const;
    const transfer = await startTransfer(test, 'up', { plan });
    await leavePart(transfer.folder, 'file', CONTENT, { bytes: 6 * MIB });
    const first = lastValueFrom(transfer.run());
    await until('some content', () => (transfer.wire()[0] ?? 0) >= 2 * MIB);
    const other = await startClient(test, transfer.server);
    await failsWith('BUSY', lastValueFrom(other.upload(transfer.source, ['file'])));
    transfer.proxy.connections('data')[0]?.go();
    await first;
    assert.equal(await assertResumed(transfer), 6 * MIB);
  });
});

describe('a kept part', () => {
  it('is in no listing, and cannot be had, written, moved or removed by its name', async (test) => {
    const { client, server, local } = await startScene(test);
    await leavePart(server.root, 'file', CONTENT, { bytes: 6 * MIB });
    const [name = ''] = await readdir(server.root);
    assert.ok(name.startsWith(PART_PREFIX));
    const entries: string[] = [];
    await lastValueFrom(client.list([]).pipe(tap((entry) => entries.push(formatPath([entry.name])))), {
      defaultValue: undefined,
    });
    assert.deepEqual(entries, []);
    await writeFile(join(local, 'mine'), 'mine');
    const raw = await openSession(test, server);
    const requests = [
      { type: 'stat', path: [name] },
      { type: 'get', path: [name] },
      { type: 'put', path: [name] },
      { type: 'delete', path: [name] },
      { type: 'hash', path: [name], algorithm: 'sha256' },
      { type: 'move', from: [name], to: ['mine'] },
      { type: 'move', from: ['mine'], to: [name] },
      { type: 'mkdir', path: [name] },
      { type: 'rmdir', path: [name], recursive: true },
    ];
    for (const [index, request] of requests.entries()) {
      raw.send({ ...request, id: index + 1 });
      await raw.error('PATH_INVALID', index + 1);
    }
    await failsWith('PATH_INVALID', client.stat([name]));
    assert.equal(await keptBytes(server.root, 'file'), 6 * MIB);
  });
});

describe('a get that says what it has', () => {
  const DIGESTS = digestsOf(CONTENT);
  const HAVE = { offset: 2 * MIB, size: CONTENT.length, modified: MODIFIED, digest: DIGESTS[1] };

  const startRaw = async (test: TestContext) => {
    const server = await startServer(test);
    const source = join(server.root, 'source');
    await writeFile(source, CONTENT);
    await utimes(source, MODIFIED / 1000, MODIFIED / 1000);
    return { server, session: await openSession(test, server) };
  };

  it('gets what is behind it, and is completed by a receipt for that', async (test) => {
    const { session } = await startRaw(test);
    const accepted = await session.ask({ type: 'get', id: 1, path: ['source'], resume: HAVE });
    assert.equal(accepted['offset'], HAVE.offset);
    const data = await connectRawData(test, offerOf(accepted));
    const { content, trailer } = await data.content();
    assert.ok(content.equals(CONTENT.subarray(HAVE.offset)));
    const digest = sha256(Buffer.concat(DIGESTS.slice(2).map((text) => Buffer.from(text, 'hex'))));
    assert.deepEqual(trailer, { bytes: CONTENT.length, digest });
    const completed = await session.ask({ type: 'receipt', id: 1, bytes: CONTENT.length, digest });
    assert.deepEqual(completed, { type: 'completed', id: 1, bytes: CONTENT.length, digest });
  });

  const LIES: Readonly<Record<string, readonly [object, string]>> = {
    'an offset inside a block': [{ offset: 2 * MIB + 1 }, 'OFFSET_MISMATCH'],
    'an offset behind the end': [{ offset: 13 * MIB }, 'OFFSET_MISMATCH'],
    'the largest offset': [{ offset: Number.MAX_SAFE_INTEGER }, 'OFFSET_MISMATCH'],
    'an offset of 0': [{ offset: 0 }, 'MESSAGE_INVALID'],
    'a negative offset': [{ offset: -MIB }, 'MESSAGE_INVALID'],
    'half an offset': [{ offset: MIB + 0.5 }, 'MESSAGE_INVALID'],
    'an offset beyond all numbers': [{ offset: 1e300 }, 'MESSAGE_INVALID'],
    'an offset in words': [{ offset: String(MIB) }, 'MESSAGE_INVALID'],
    'another length': [{ size: CONTENT.length - 1 }, 'OFFSET_MISMATCH'],
    'another time': [{ modified: MODIFIED - 1 }, 'OFFSET_MISMATCH'],
    'the digest of another block': [{ digest: DIGESTS[0] }, 'OFFSET_MISMATCH'],
    'a digest that is none': [{ digest: 'x'.repeat(64) }, 'MESSAGE_INVALID'],
    'a digest that is too short': [{ digest: 'ab' }, 'MESSAGE_INVALID'],
    'no digest': [{ digest: undefined }, 'MESSAGE_INVALID'],
  };
  for (const [what, [lie, code]] of Object.entries(LIES))
    it(`is refused with ${what}, and the session lives on`, async (test) => {
      const { session } = await startRaw(test);
      session.send({ type: 'get', id: 1, path: ['source'], resume: { ...HAVE, ...lie } });
      await session.error(code, 1);
      assert.deepEqual(await session.ask({ type: 'ping', id: 2 }), { type: 'pong', id: 2 });
    });

  it('finds no folder, no link out and no missing file by it', async (test) => {
    const { session } = await startRaw(test);
    session.send({ type: 'get', id: 1, path: [], resume: HAVE });
    await session.error('NOT_A_FILE', 1);
    session.send({ type: 'get', id: 2, path: ['missing'], resume: HAVE });
    await session.error('NOT_FOUND', 2);
  });
});

describe('a put that would go on', () => {
  const DIGESTS = digestsOf(CONTENT);
  const PUT = { type: 'put', path: ['file'], size: CONTENT.length, modified: MODIFIED, resume: true };

  const startRaw = async (test: TestContext, bytes: number) => {
    const server = await startServer(test);
    await leavePart(server.root, 'file', CONTENT, { bytes, algorithm: 'sha256' });
    return { root: server.root, session: await openSession(test, server) };
  };

  it('sends what is behind what is there, and is completed for that', async (test) => {
    const { root, session } = await startRaw(test, 12 * MIB + 500);
    const accepted = await session.ask({ ...PUT, id: 1 });
    assert.deepEqual([accepted['offset'], accepted['digest']], [12 * MIB, DIGESTS[11]]);
    const rest = CONTENT.subarray(12 * MIB);
    const data = await connectRawData(test, offerOf(accepted));
    const trailer = { bytes: CONTENT.length, digest: sha256(rest) };
    for (const frame of [rawFrame(rest), rawFrame(''), messageFrame(trailer)]) data.write(frame);
    assert.deepEqual(await session.message(), { type: 'completed', id: 1, ...trailer });
    assert.ok(CONTENT.equals(await readFile(join(root, 'file'))));
    assert.deepEqual(await readdir(root), ['file']);
  });

  it('may send no more than is missing, and loses nothing of what is verified by it', async (test) => {
    const { root, session } = await startRaw(test, 12 * MIB);
    const data = await connectRawData(test, offerOf(await session.ask({ ...PUT, id: 1 })));
    data.write(rawFrame(Buffer.alloc(1001)));
    await session.error('SIZE_MISMATCH', 1);
    assert.equal(await keptBytes(root, 'file'), 12 * MIB);
  });

  it('is offered the same again after it was given up, and nothing once that was of another content', async (test) => {
    const { root, session } = await startRaw(test, 6 * MIB);
    for (const id of [1, 2]) {
      assert.equal((await session.ask({ ...PUT, id }))['offset'], 6 * MIB);
      session.send({ type: 'abort', id });
      await session.error('CANCELLED', id);
    }
    assert.equal((await session.ask({ ...PUT, id: 3 }))['offset'], 6 * MIB);
    session.send({ type: 'abort', id: 3, code: 'OFFSET_MISMATCH' });
    await session.error('OFFSET_MISMATCH', 3);
    assert.deepEqual(await readdir(root), []);
    assert.equal((await session.ask({ ...PUT, id: 4 }))['offset'], undefined);
  });

  for (const [what, other] of Object.entries({
    'another length': { size: CONTENT.length + 1 },
    'another time': { modified: MODIFIED + 1 },
  }))
    it(`is offered nothing with ${what}, and told what is dropped`, async (test) => {
      const { session } = await startRaw(test, 6 * MIB);
      const { type, offset, digest, dropped } = await session.ask({ ...PUT, id: 1, ...other });
      assert.deepEqual([type, offset, digest, dropped], ['accepted', undefined, undefined, 6 * MIB]);
    });

  for (const [what, other] of Object.entries({
    'no length': { size: undefined },
    'no time': { modified: undefined },
    'no wish to': { resume: undefined },
  }))
    it(`is offered nothing with ${what}`, async (test) => {
      const { session } = await startRaw(test, 6 * MIB);
      const { type, offset, dropped } = await session.ask({ ...PUT, id: 1, ...other });
      assert.deepEqual([type, offset, dropped], ['accepted', undefined, undefined]);
    });
});

describe('a process that is killed', () => {
  const URL_OF = (port: number, name: string) => `sluice://127.0.0.2:${port}/${name}`;

  for (const direction of DIRECTIONS)
    it(`as the client leaves what the next one goes on with (${direction})`, async (test) => {
      const server = await startServer(test, { dataPorts: 'same' });
      const proxy = await startFaultProxy(test, server, halfWay(direction, { type: 'stop' }));
      const here = await temporaryFolder(test);
      const [sources, folder] = direction === 'up' ? [here, server.root] : [server.root, here];
      await writeFile(join(sources, 'source'), CONTENT);
      const words =
        direction === 'up'
          ? ['put', 'source', URL_OF(proxy.port, 'file')]
          : ['get', URL_OF(proxy.port, 'source'), 'file'];
      const killed = new CliProcess(test, words, { cwd: here });
      const wire = () => proxy.connections('data').map(({ passed }) => passed[direction]);
      await halfSecured({ wire, folder });
      killed.kill('SIGKILL');
      await killed.exited;
      await until('a kept part', async () => (await keptBytes(folder, 'file')) > 0);
      const again = new CliProcess(test, words, { cwd: here });
      const { code, stdout, stderr } = await again.exited;
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /, [\d.]+ MB of it were there, verified\n$/);
      assert.ok((wire()[1] ?? 0) < CONTENT.length - MIB + OVERHEAD);
      assert.ok(CONTENT.equals(await readFile(join(folder, 'file'))));
      assert.deepEqual(
        (await readdir(folder)).filter((name) => name.startsWith(PART_PREFIX)),
        [],
      );
    });

  for (const direction of DIRECTIONS)
    it(`as the server is waited for, and gone on with when it is back (${direction})`, async (test) => {
      const root = await temporaryFolder(test);
      const port = await freePorts(1);
      const serve = async () => {
        const server = new CliProcess(test, ['serve', String(port), '--root', root, '--data-ports', 'same']);
        await server.stderr.waitFor(/listening on/);
        return server;
      };
      const first = await serve();
      const proxy = await startFaultProxy(test, { port }, halfWay(direction, { type: 'stop' }));
      const client: Client = await startClient(test, proxy, { host: proxy.host, retries: 9 });
      const local = await temporaryFolder(test);
      const transfer = await startFileTransfer(
        { client, proxy, local, server: { root } as Scene['server'] },
        direction,
        CONTENT,
      );
      const running = lastValueFrom(transfer.run());
      await halfSecured(transfer);
      first.kill('SIGKILL');
      await first.exited;
      await serve();
      await running;
      await assertResumed(transfer);
      assert.ok(troublesOf(transfer).length >= 1);
      assert.equal(new Set(troublesOf(transfer)).size, 1);
    });
});
