import assert from 'node:assert/strict';
import { stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { concat, lastValueFrom, map, of, timer } from 'rxjs';
import type { ConversationLimits } from '../../lib/dialects/limits.ts';
import { type Client, type Entry, pump } from '../../lib/index.ts';
import { turns } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { GatedSink } from '../helpers/gated-sink.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import {
  type Offer,
  type RawMessage,
  connectRawData,
  isRefused,
  offerOf,
  openSession,
  until,
} from '../helpers/raw-peer.ts';
import { greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';
import { fileEntry, stubStore } from '../helpers/stub-store.ts';

checkLeaks();

describe('silence', () => {
  it('of the server ends the client with STALLED, after it was asked for a sign of life', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port, { stallMs: 300 }), greet(port)]);
    const ended = failsWith('STALLED', lastValueFrom(client.ended$));
    assert.equal((await peer.message())['type'], 'ping');
    await ended;
  });

  it('of the client ends its session with STALLED, after it was asked for a sign of life', async (test) => {
    const server = await startServer(test, { limits: { quietMs: 50, stallMs: 200 } });
    const peer = await openSession(test, server);
    assert.equal((await peer.message())['type'], 'ping');
    assert.equal((await server.event('session-closed')).error?.code, 'STALLED');
  });

  it('of a client that takes no replies is a stall too, however many requests it has', async (test) => {
    const server = await startServer(test, { limits: { quietMs: 50, stallMs: 300 } });
    for (let index = 0; index < 2000; index += 1) await writeFile(join(server.root, `${'x'.repeat(200)}${index}`), '');
    const peer = await openSession(test, server);
    for (let id = 1; id <= 2000; id += 1) peer.send({ type: 'list', id, path: [] });
    assert.equal((await server.event('session-closed')).error?.code, 'STALLED');
  });

  it('is broken by a pong, so that an idle session lives on', async (test) => {
    const server = await startServer(test, { limits: { quietMs: 50, stallMs: 200 } });
    const peer = await openSession(test, server);
    for (let pings = 0; pings < 8; pings += 1) {
      const { type, id } = await peer.message();
      assert.equal(type, 'ping');
      peer.send({ type: 'pong', id });
    }
    assert.ok(server.events.every(({ type }) => type !== 'session-closed'));
  });

  it('in requests ends an idle session with IDLE_TIMEOUT, and the client is told', async (test) => {
    const server = await startServer(test, { limits: { idleMs: 100 } });
    const client = await startClient(test, server);
    await failsWith('IDLE_TIMEOUT', lastValueFrom(client.ended$));
    assert.equal((await server.event('session-closed')).error?.code, 'IDLE_TIMEOUT');
  });
});

describe('a request', { concurrency: true }, () => {
  const STALL_MS = 600;

  /** A client, and a server that answers pings and nothing else, until it is told to. */
  const pongingServer = async (test: TestContext) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port, { stallMs: STALL_MS }), greet(port)]);
    const asked: RawMessage[] = [];
    const hear = async (): Promise<void> => {
      for (;;) {
        const message = await peer.message();
        if (message['type'] === 'ping') peer.send({ type: 'pong', id: message['id'] });
        else asked.push(message);
      }
    };
    hear().catch(() => undefined);
    return { client, peer, asked };
  };

  const REQUESTS: Readonly<Record<string, (client: Client, folder: string) => Promise<unknown>>> = {
    list: (client) => lastValueFrom(client.list([])),
    stat: (client) => client.stat(['file']),
    hash: (client) => client.hash(['file'], 'sha256'),
    delete: (client) => client.remove(['file']),
    mkdir: (client) => client.makeFolder(['file']),
    rmdir: (client) => client.removeFolder(['file']),
    move: (client) => client.move(['file'], ['other']),
    space: (client) => client.space(),
    get: (client, folder) => lastValueFrom(client.download(['file'], join(folder, 'file'))),
    put: (client) => lastValueFrom(client.upload(import.meta.filename, ['file'])),
    'get-tree': (client, folder) => lastValueFrom(client.downloadTree(['file'], join(folder, 'tree'))),
  };
  for (const [type, run] of Object.entries(REQUESTS))
    it(`that is never answered by a server that is there ends with STALLED and is given up: ${type}`, async (test) => {
      const { client, asked } = await pongingServer(test);
      await failsWith('STALLED', run(client, await temporaryFolder(test)));
      await until('an abort', () => asked.some((message) => message['type'] === 'abort'));
      assert.deepEqual(
        asked.map((message) => message['type']),
        [type, 'abort'],
      );
      assert.ok((await client.ping()) >= 0);
    });

  it('that the server says it works on is waited for', async (test) => {
    const { client, peer, asked } = await pongingServer(test);
    const digest = client.hash(['file'], 'sha256');
    await until('the request', () => asked.length > 0);
    const id = asked[0]?.['id'];
    for (let said = 0; said < 6; said += 1) {
      peer.send({ type: 'waiting', id });
      await sleep(STALL_MS / 3);
    }
    peer.send({ type: 'digest', id, digest: 'a'.repeat(64) });
    assert.equal(await digest, 'a'.repeat(64));
  });

  it('that takes the server long is not given up, for the server says so', async (test) => {
    let finish = (): void => undefined;
    const finished = new Promise<Entry>((resolve) => (finish = () => resolve(fileEntry('slow', 0))));
    const store = stubStore({ stat: () => finished });
    const server = await startServer(test, { store, limits: { quietMs: 50, stallMs: STALL_MS } });
    const client = await startClient(test, server, { stallMs: STALL_MS });
    const entry = client.stat(['slow']);
    await sleep(3 * STALL_MS);
    finish();
    assert.equal((await entry).name, 'slow');
  });

  it('that is cancelled while its data connection is awaited leaves no port open, and the session lives on', async (test) => {
    const port = await openRawPort(test);
    const options = { dataListener: 'client' } as const;
    const [client, peer] = await Promise.all([startClient(test, port, options), greet(port)]);
    const abort = new AbortController();
    const copy = join(await temporaryFolder(test), 'copy');
    const running = failsWith('CANCELLED', lastValueFrom(client.download(['file'], copy, { signal: abort.signal })));
    const { id, data } = await peer.message();
    const entry = { name: 'file', kind: 'file', size: 3, modified: 0, mode: 0o644 };
    peer.send({ type: 'accepted', id, entry });
    await turns();
    abort.abort();
    await running;
    assert.deepEqual((await peer.message())['type'], 'abort');
    assert.ok(await isRefused(test, data as Offer));
    const pong = client.ping();
    peer.send({ type: 'error', id, code: 'CANCELLED', message: '' });
    peer.send({ type: 'pong', id: (await peer.message())['id'] });
    assert.ok((await pong) >= 0);
  });
});

describe('content that stands still', () => {
  const GIB = 1024 ** 3;
  const QUICK = { quietMs: 100, stallMs: 600 };
  const RESTS_MS = 1500;

  const bigFile = async (test: TestContext, limits: Partial<ConversationLimits>) => {
    const server = await startServer(test, { limits });
    await writeFile(join(server.root, 'big'), '');
    await truncate(join(server.root, 'big'), GIB);
    return { server, client: await startClient(test, server, { stallMs: QUICK.stallMs }) };
  };

  it('because its reader rests is no stall: both go on when the reader does', async (test) => {
    const { client } = await bigFile(test, QUICK);
    const gate = new GatedSink();
    gate.stop();
    const done = lastValueFrom(pump(client.source(['big']), gate.sink));
    await sleep(RESTS_MS);
    gate.go();
    assert.equal((await done).bytes, GIB);
  });

  it('because its source rests is no stall either', async (test) => {
    const { server, client } = await bigFile(test, QUICK);
    const chunk$ = concat(of(Buffer.alloc(100)), timer(RESTS_MS).pipe(map(() => Buffer.alloc(100))));
    await lastValueFrom(pump(() => chunk$, client.sink(['small'])));
    assert.equal((await stat(join(server.root, 'small'))).size, 200);
  });

  it('is given up after the idle limit whoever rests, and the session lives on', async (test) => {
    const { server, client } = await bigFile(test, { ...QUICK, idleMs: 900 });
    const gate = new GatedSink();
    gate.stop();
    await failsWith('STALLED', lastValueFrom(pump(client.source(['big']), gate.sink)));
    assert.equal((await server.event('transfer')).error?.code, 'STALLED');
    assert.ok((await client.ping()) >= 0);
  });

  it('at a client that answers pings and never reads is a stall', async (test) => {
    const { server } = await bigFile(test, QUICK);
    const peer = await openSession(test, server);
    peer.send({ type: 'get', id: 1, path: ['big'] });
    const accepted = await peer.message();
    await connectRawData(test, offerOf(accepted));
    for (;;) {
      const message = await peer.message();
      if (message['type'] === 'ping') peer.send({ type: 'pong', id: message['id'] });
      else if (message['type'] === 'error') {
        assert.equal(message['code'], 'STALLED');
        break;
      }
    }
  });
});
