import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, describe, it } from 'node:test';
import { type Observable, firstValueFrom, lastValueFrom, scan, share, tap, toArray } from 'rxjs';
import {
  type Client,
  type Sink,
  type Valve,
  fromChunks,
  fromFile,
  fromReadable,
  pump,
  pumpWithin,
  throttle,
  toNothing,
} from '../../lib/index.ts';
import { until } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { GatedSink } from '../helpers/gated-sink.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { connectRawData, contentFrames, offerOf, openSession } from '../helpers/raw-peer.ts';
import { type TestServer, startClient, startServer } from '../helpers/server.ts';
import { fileEntry, stubStore } from '../helpers/stub-store.ts';

checkLeaks();

const MIB = 1024 ** 2;

interface Scene {
  readonly server: TestServer;
  readonly client: Client;
  /** A folder of the client's side. */
  readonly local: string;
}

const startScene = async (test: TestContext, options: Parameters<typeof startServer>[1] = {}): Promise<Scene> => {
  const server = await startServer(test, options);
  return { server, client: await startClient(test, server), local: await temporaryFolder(test) };
};

/** An upload that has begun and waits for its content; `finish` lets it end. */
const beginUpload = async ({ client }: Scene, path: readonly string[]) => {
  let finish: (() => void) | undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const begun = { now: false };
  // Read only once the data connection is there.
  const slow = async function* () {
    begun.now = true;
    yield Buffer.from('first ');
    await finished;
    yield Buffer.from('last');
  };
  const running = lastValueFrom(pump(fromReadable(Readable.from(slow())), client.sink(path)));
  running.catch(() => undefined);
  await until(() => begun.now);
  return { finish: () => finish?.(), running };
};

describe('content', () => {
  const sizes = [0, 1, 1000, MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 12_345];
  for (const size of sizes)
    it(`of ${size} bytes arrives unchanged, both ways`, async (test) => {
      const { server, client, local } = await startScene(test);
      const bytes = randomBytes(size);
      await writeFile(join(local, 'up'), bytes);
      const up = await lastValueFrom(client.upload(join(local, 'up'), ['there']));
      assert.deepEqual([up.state, up.bytes, up.total], ['completed', size, size]);
      assert.ok(bytes.equals(await readFile(join(server.root, 'there'))));
      const down = await lastValueFrom(client.download(['there'], join(local, 'down')));
      assert.deepEqual([down.state, down.bytes, down.total], ['completed', size, size]);
      assert.ok(bytes.equals(await readFile(join(local, 'down'))));
    });

  for (const name of ['with blanks', 'Übergrößen-ñandú-中文', '🦔🌊', '-dash', '.hidden', 'a'.repeat(255), 'quote\'"s'])
    it(`goes under the name ${JSON.stringify(name.slice(0, 30))}`, async (test) => {
      const { server, client, local } = await startScene(test);
      await writeFile(join(local, 'file'), name);
      await lastValueFrom(client.upload(join(local, 'file'), [name]));
      assert.deepEqual(await readdir(server.root), [name]);
      await lastValueFrom(client.download([name], join(local, name)));
      assert.equal(await readFile(join(local, name), 'utf8'), name);
    });

  it('is reported with the same outcome on both sides', async (test) => {
    const { server, client, local } = await startScene(test);
    await writeFile(join(server.root, 'file'), 'content');
    const { state } = await lastValueFrom(client.download(['file'], join(local, 'file')));
    const report = await server.event('transfer');
    assert.equal(state, 'completed');
    assert.deepEqual(
      [report.direction, report.path, report.outcome, report.bytes],
      ['download', ['file'], 'completed', 7],
    );
  });

  it('runs through several transfers of one session at once', async (test) => {
    const { server, client, local } = await startScene(test);
    const names = Array.from({ length: 12 }, (_, index) => `file-${index}`);
    const contents = names.map(() => randomBytes(MIB));
    await Promise.all(names.map((name, index) => writeFile(join(local, name), contents[index] ?? '')));
    await Promise.all(names.map((name) => lastValueFrom(client.upload(join(local, name), [name]))));
    const stored = await Promise.all(names.map((name) => readFile(join(server.root, name))));
    assert.ok(stored.every((bytes, index) => contents[index]?.equals(bytes)));
  });
});

describe('a target', () => {
  it('keeps its old content, and shows no part file, until the new one is whole', async (test) => {
    const scene = await startScene(test);
    const target = join(scene.server.root, 'file');
    await writeFile(target, 'old');
    const { finish, running } = await beginUpload(scene, ['file']);
    assert.equal(await readFile(target, 'utf8'), 'old');
    const names = await lastValueFrom(scene.client.list([]).pipe(toArray()));
    assert.deepEqual(
      names.map(({ name }) => name),
      ['file'],
    );
    finish();
    await running;
    assert.equal(await readFile(target, 'utf8'), 'first last');
  });

  it('is untouched, and no part is left, when the upload is cancelled; the session lives on', async (test) => {
    const { server, client, local } = await startScene(test);
    await writeFile(join(server.root, 'file'), 'old');
    await writeFile(join(local, 'new'), Buffer.alloc(64 * MIB));
    const progress$ = pump(fromFile(join(local, 'new')), throttle(4 * MIB), client.sink(['file'])).pipe(share());
    const running = progress$.subscribe({ error: () => undefined });
    await firstValueFrom(progress$);
    running.unsubscribe();
    assert.equal((await server.event('transfer')).outcome, 'failed');
    assert.equal(await readFile(join(server.root, 'file'), 'utf8'), 'old');
    assert.ok((await client.ping()) >= 0);
    await eventually(async () => assert.deepEqual(await readdir(server.root), ['file']));
  });

  it('is untouched when a signal cancels the download; the session lives on', async (test) => {
    const { server, client, local } = await startScene(test);
    await writeFile(join(server.root, 'big'), '');
    await truncate(join(server.root, 'big'), 2048 * MIB);
    const abort = new AbortController();
    const { running, moving } = watch(
      client.download(['big'], join(local, 'file'), { signal: abort.signal, resume: false }),
    );
    await moving;
    abort.abort();
    await failsWith('CANCELLED', running);
    const report = await server.event('transfer');
    assert.deepEqual([report.outcome, report.error?.code], ['failed', 'CANCELLED']);
    await eventually(async () => assert.deepEqual(await readdir(local), []));
    assert.ok((await client.ping()) >= 0);
  });

  it('is untouched when the server goes away in the middle', async (test) => {
    const { server, client, local } = await startScene(test);
    await writeFile(join(local, 'file'), 'old');
    await writeFile(join(server.root, 'big'), '');
    await truncate(join(server.root, 'big'), 4096 * MIB);
    const { running, moving } = watch(client.download(['big'], join(local, 'file'), { resume: false }));
    await moving;
    server.close();
    await failsWith('CLOSED_EARLY', running);
    await eventually(async () => assert.deepEqual(await readdir(local), ['file']));
    assert.equal(await readFile(join(local, 'file'), 'utf8'), 'old');
  });

  it('is left, replaced or refused as the overwrite policy says, both ways', async (test) => {
    const { server, client, local } = await startScene(test);
    const [here, there] = [join(local, 'file'), join(server.root, 'file')];
    await writeFile(here, 'here');
    await writeFile(there, 'there');
    await utimes(here, 1000, 1000);
    await utimes(there, 2000, 2000);
    const up = (overwrite: 'skip' | 'refuse' | 'if-newer') =>
      lastValueFrom(client.upload(here, ['file'], { overwrite }));
    const down = (overwrite: 'skip' | 'refuse' | 'if-newer') =>
      lastValueFrom(client.download(['file'], here, { overwrite }));
    assert.equal((await up('skip')).state, 'skipped');
    assert.equal((await up('if-newer')).state, 'skipped');
    await failsWith('EXISTS', up('refuse'));
    assert.equal(await readFile(there, 'utf8'), 'there');
    assert.equal((await down('skip')).state, 'skipped');
    await failsWith('EXISTS', down('refuse'));
    assert.equal(await readFile(here, 'utf8'), 'here');
    assert.equal((await down('if-newer')).state, 'completed');
    assert.equal(await readFile(here, 'utf8'), 'there');
  });

  it('gets modified time and permissions on request', async (test) => {
    const { server, client, local } = await startScene(test);
    await writeFile(join(local, 'script'), '#!/bin/sh\n');
    await chmod(join(local, 'script'), 0o755);
    await utimes(join(local, 'script'), 1_000_000_000, 1_000_000_000);
    await lastValueFrom(client.upload(join(local, 'script'), ['kept'], { keepTime: true, keepMode: true }));
    await lastValueFrom(client.upload(join(local, 'script'), ['new']));
    const kept = await stat(join(server.root, 'kept'));
    assert.deepEqual([kept.mtimeMs, kept.mode & 0o777], [1_000_000_000_000, 0o755]);
    const fresh = await stat(join(server.root, 'new'));
    assert.ok(fresh.mtimeMs > 1_000_000_000_000);
    assert.equal(fresh.mode & 0o111, 0);
    await lastValueFrom(client.download(['kept'], join(local, 'back'), { keepTime: true, keepMode: true }));
    const back = await stat(join(local, 'back'));
    assert.deepEqual([back.mtimeMs, back.mode & 0o777], [1_000_000_000_000, 0o755]);
  });
});

describe('a file that is being uploaded', () => {
  it('is BUSY for every other reader, writer, mover and deleter, who are told why', async (test) => {
    const scene = await startScene(test);
    const { server, local } = scene;
    await mkdir(join(server.root, 'folder'));
    await writeFile(join(server.root, 'folder', 'file'), 'old');
    await writeFile(join(local, 'mine'), 'mine');
    const { finish, running } = await beginUpload(scene, ['folder', 'file']);
    const other = await startClient(test, server);
    const path = ['folder', 'file'];
    const attempts = [
      () => lastValueFrom(other.download(path, join(local, 'copy'))),
      () => lastValueFrom(other.upload(join(local, 'mine'), path)),
      () => other.remove(path),
      () => other.move(path, ['elsewhere']),
      () => other.move(['folder'], ['moved']),
      () => other.removeFolder(['folder'], { recursive: true }),
    ];
    for (const attempt of attempts) {
      const { message } = await failsWith('BUSY', attempt());
      assert.match(message, /is being uploaded/);
    }
    finish();
    await running;
    await other.remove(path);
  });

  it('is free again when its uploader vanishes', async (test) => {
    const scene = await startScene(test);
    await beginUpload(scene, ['file']);
    scene.client.close();
    await scene.server.event('session-closed');
    const other = await startClient(test, scene.server);
    await writeFile(join(scene.local, 'mine'), 'mine');
    await lastValueFrom(other.upload(join(scene.local, 'mine'), ['file']));
    assert.equal(await readFile(join(scene.server.root, 'file'), 'utf8'), 'mine');
  });
});

describe('a transfer that cannot be', () => {
  it('says what is wrong and changes nothing', async (test) => {
    const { server, client, local } = await startScene(test);
    await mkdir(join(server.root, 'folder'));
    await mkdir(join(local, 'folder'));
    await writeFile(join(local, 'file'), 'mine');
    await writeFile(join(server.root, 'file'), 'theirs');
    const up = (from: string, path: string[]) => lastValueFrom(client.upload(join(local, from), path));
    const down = (path: string[], to: string) => lastValueFrom(client.download(path, join(local, to)));
    await failsWith('NOT_FOUND', down(['missing'], 'x'));
    await failsWith('NOT_FOUND', up('missing', ['x']));
    await failsWith('NOT_FOUND', up('file', ['no', 'such', 'folder']));
    await failsWith('NOT_FOUND', down(['file'], 'no/such/folder'));
    await failsWith('NOT_A_FILE', down(['folder'], 'x'));
    await failsWith('NOT_A_FILE', up('folder', ['x']));
    await failsWith('NOT_A_FILE', up('file', ['folder']));
    await failsWith('NOT_A_FILE', down(['file'], 'folder'));
    await failsWith('NOT_A_FOLDER', up('file', ['file', 'x']));
    await failsWith('PATH_INVALID', up('file', ['..', 'x']));
    assert.deepEqual((await readdir(server.root)).sort(), ['file', 'folder']);
    assert.deepEqual((await readdir(local)).sort(), ['file', 'folder']);
  });

  it('is refused by a read-only server, as every change is', async (test) => {
    const { server, client, local } = await startScene(test, { readOnly: true });
    await writeFile(join(server.root, 'file'), 'content');
    await writeFile(join(local, 'file'), 'mine');
    await failsWith('READ_ONLY', lastValueFrom(client.upload(join(local, 'file'), ['file'])));
    await failsWith('READ_ONLY', client.remove(['file']));
    await failsWith('READ_ONLY', client.makeFolder(['new']));
    await failsWith('READ_ONLY', client.move(['file'], ['other']));
    await failsWith('READ_ONLY', client.removeFolder(['file'], { recursive: true }));
    assert.equal((await lastValueFrom(client.download(['file'], join(local, 'copy')))).state, 'completed');
  });

  it('is refused beyond the transfers that a session may run', async (test) => {
    const scene = await startScene(test, { maxTransfers: 2 });
    const begun = [await beginUpload(scene, ['a']), await beginUpload(scene, ['b'])];
    const third = pump(fromChunks([Buffer.from('x')]), scene.client.sink(['c']));
    await failsWith('TOO_MANY_TRANSFERS', lastValueFrom(third));
    for (const { finish, running } of begun) {
      finish();
      await running;
    }
  });

  it('comes whole to a sink that is lent its memory and gives none of it back', async (test) => {
    const { server, client } = await startScene(test);
    await writeFile(join(server.root, 'big'), Buffer.alloc(14 * MIB));
    const count: Sink = () => (bytes$) =>
      bytes$.pipe(scan((sum, { length }) => ({ bytes: sum.bytes + length }), { bytes: 0 }));
    const { bytes } = await lastValueFrom(pumpWithin({ lend: true })(client.source(['big']), count));
    assert.equal(bytes, 14 * MIB);
  });

  it('comes in a few pieces of memory, over and over, for a sink that gives them back', async (test) => {
    const { server, client } = await startScene(test);
    await writeFile(join(server.root, 'big'), Buffer.alloc(32 * MIB));
    const memory = new Set<ArrayBufferLike>();
    const keepNone = Object.assign(
      (valve: Valve) => (bytes$: Observable<Buffer>) =>
        bytes$.pipe(
          tap(({ buffer }) => memory.add(buffer)),
          toNothing()(valve),
        ),
      { givesBack: true } as const,
    );
    const { bytes } = await lastValueFrom(pump(client.source(['big']), keepNone));
    assert.equal(bytes, 32 * MIB);
    assert.ok(memory.size <= 4, `${memory.size}`);
  });

  it('fails with SOURCE_CHANGED when the file is written to while it is read', async (test) => {
    const { server, client, local } = await startScene(test);
    const file = join(server.root, 'log');
    await writeFile(file, Buffer.alloc(64 * MIB));
    const gate = new GatedSink();
    gate.stop();
    const running = lastValueFrom(pump(client.source(['log']), gate.sink));
    running.catch(() => undefined);
    await until(() => gate.received > 0);
    await writeFile(file, 'appended', { flag: 'a' });
    gate.go();
    await failsWith('SOURCE_CHANGED', running);
    await writeFile(join(local, 'file'), Buffer.alloc(64 * MIB));
    const upload = watch(pump(fromFile(join(local, 'file')), throttle(64 * MIB), client.sink(['copy'])));
    await upload.moving;
    await truncate(join(local, 'file'), 1000);
    await failsWith('SOURCE_CHANGED', upload.running);
    await eventually(async () => assert.deepEqual(await readdir(server.root), ['log']));
  });

  it('fails with SIZE_MISMATCH when the server sends less than it announced', async (test) => {
    const file = {
      entry: fileEntry('file', 100),
      content: () => fromChunks([Buffer.alloc(99)]),
      close: () => Promise.resolve(),
    };
    const { client, local } = await startScene(test, { store: stubStore({ open: () => Promise.resolve(file) }) });
    await failsWith('SIZE_MISMATCH', lastValueFrom(client.download(['file'], join(local, 'file'))));
    assert.deepEqual(await readdir(local), []);
  });
});

describe('a stopping server', () => {
  it('lets the running transfer end, begins nothing new, and completes', async (test) => {
    const stop = new AbortController();
    const scene = await startScene(test, { stop: stop.signal });
    const { finish, running } = await beginUpload(scene, ['file']);
    stop.abort();
    await scene.server.event('stopping');
    await failsWith('SERVER_STOPPING', scene.client.stat([]));
    await failsWith('CONNECT_FAILED', startClient(test, scene.server));
    finish();
    await running;
    await scene.server.ended;
    assert.equal(await readFile(join(scene.server.root, 'file'), 'utf8'), 'first last');
  });

  it('ends at once when nothing runs, and tells its sessions why', async (test) => {
    const stop = new AbortController();
    const { server, client } = await startScene(test, { stop: stop.signal });
    const ended = failsWith('SERVER_STOPPING', lastValueFrom(client.ended$));
    stop.abort();
    await Promise.all([server.ended, ended]);
  });

  it('cuts what still runs when its grace is over, and reports it', async (test) => {
    const stop = new AbortController();
    const scene = await startScene(test, { stop: stop.signal, graceMs: 50 });
    const { running } = await beginUpload(scene, ['file']);
    stop.abort();
    await failsWith('SERVER_STOPPING', running);
    await scene.server.ended;
    assert.equal((await scene.server.event('transfer')).outcome, 'failed');
    await scene.server.event('session-closed');
    await eventually(async () => assert.deepEqual(await readdir(scene.server.root), []));
  });
});

describe('a server whose data connections come to its own port', () => {
  it('still takes them when all its sessions are in use', async (test) => {
    const { server, client, local } = await startScene(test, { dataPorts: 'same', maxSessions: 1 });
    await writeFile(join(server.root, 'file'), 'content');
    await lastValueFrom(client.download(['file'], join(local, 'file')));
    assert.equal(await readFile(join(local, 'file'), 'utf8'), 'content');
  });

  it('still takes the one of a transfer that was accepted before it stopped', async (test) => {
    const stop = new AbortController();
    const { server } = await startScene(test, { dataPorts: 'same', stop: stop.signal });
    const peer = await openSession(test, server);
    const accepted = await peer.ask({ type: 'put', id: 1, path: ['late'] });
    stop.abort();
    await server.event('stopping');
    const data = await connectRawData(test, offerOf(accepted));
    data.write(contentFrames('late'));
    assert.equal((await peer.message())['type'], 'bye');
    assert.equal((await peer.message())['type'], 'completed');
    await server.ended;
    assert.equal(await readFile(join(server.root, 'late'), 'utf8'), 'late');
  });
});

describe('a file with special rights', () => {
  it('passes its permissions on to what replaces it, but not the rights', async (test) => {
    const { server, client, local } = await startScene(test);
    await writeFile(join(server.root, 'tool'), 'old');
    await chmod(join(server.root, 'tool'), 0o6750);
    await writeFile(join(local, 'tool'), 'new');
    await lastValueFrom(client.upload(join(local, 'tool'), ['tool']));
    assert.equal((await stat(join(server.root, 'tool'))).mode & 0o7777, 0o750);
  });
});

describe('a full server', () => {
  it('refuses a further session with SERVER_FULL, and takes one again when a place is free', async (test) => {
    const { server, client } = await startScene(test, { maxSessionsPerAddress: 1 });
    await failsWith('SERVER_FULL', startClient(test, server));
    await client.quit();
    await server.event('session-closed');
    const next = await startClient(test, server);
    assert.ok((await next.ping()) >= 0);
  });
});

/** Runs a transfer, and tells when its first bytes have arrived. */
const watch = <T>(progress$: Observable<T>) => {
  const shared$ = progress$.pipe(share());
  const running = lastValueFrom(shared$);
  running.catch(() => undefined);
  return { running, moving: firstValueFrom(shared$) };
};

/** Waits until an assertion holds; the runner's time limit ends a wait in vain. */
const eventually = async (assertion: () => Promise<void>): Promise<void> => {
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
};
