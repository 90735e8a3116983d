import assert from 'node:assert/strict';
import { stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { concat, lastValueFrom, map, of, timer } from 'rxjs';
import type { ConversationLimits } from '../../lib/dialects/limits.ts';
import { pump } from '../../lib/index.ts';
import { failsWith } from '../helpers/errors.ts';
import { GatedSink } from '../helpers/gated-sink.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { connectRawData, offerOf, openSession } from '../helpers/raw-peer.ts';
import { greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

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

describe('content that stands still', () => {
  const GIB = 1024 ** 3;
  const QUICK = { quietMs: 40, stallMs: 200 };
  const RESTS_MS = 800;

  const bigFile = async (test: TestContext, limits: Partial<ConversationLimits>) => {
    const server = await startServer(test, { limits });
    await writeFile(join(server.root, 'big'), '');
    await truncate(join(server.root, 'big'), GIB);
    return { server, client: await startClient(test, server, { stallMs: 200 }) };
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
    const { server, client } = await bigFile(test, { ...QUICK, idleMs: 500 });
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
