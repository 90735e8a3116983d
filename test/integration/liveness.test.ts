import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { failsWith } from '../helpers/errors.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { openSession } from '../helpers/raw-peer.ts';
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
