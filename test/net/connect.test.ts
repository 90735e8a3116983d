import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { connect } from '../../lib/net/connect.ts';
import { turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const HOST = '127.0.0.1';
const LONG = 60_000;

/** A server on a free port and the connections it has accepted, all closed when the test ends. */
const newServer = async (test: TestContext): Promise<{ server: Server; port: number; accepted: Socket[] }> => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket.on('error', () => undefined).resume()));
  server.listen(0, HOST);
  await once(server, 'listening');
  test.after(() => {
    server.close();
    for (const socket of accepted) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port, accepted };
};

/** A port on which nobody listens. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

describe('connect', () => {
  it('emits one connected socket and completes', async (test) => {
    const { port, accepted } = await newServer(test);
    const sockets = await valuesOf(connect({ host: HOST, port, timeoutMs: LONG }));
    assert.equal(sockets.length, 1);
    await until(() => accepted.length === 1);
    assert.equal(sockets[0]?.remotePort, port);
    sockets[0].destroy();
  });

  it('connects to a name', async (test) => {
    const { port } = await newServer(test);
    const socket = await lastValueFrom(connect({ host: 'localhost', port, timeoutMs: LONG }));
    assert.equal(socket.remotePort, port);
    socket.destroy();
  });

  it('does nothing before it is subscribed, and connects anew for each subscriber', async (test) => {
    const { port, accepted } = await newServer(test);
    const socket$ = connect({ host: HOST, port, timeoutMs: LONG });
    await turns(5);
    assert.equal(accepted.length, 0);
    for (let times = 1; times <= 2; times += 1) {
      (await lastValueFrom(socket$)).destroy();
      await until(() => accepted.length === times);
    }
  });

  it('leaves the socket to its taker, also when it is unsubscribed afterwards', async (test) => {
    const { port } = await newServer(test);
    const sockets: Socket[] = [];
    const running = connect({ host: HOST, port, timeoutMs: LONG }).subscribe({
      next: (socket) => sockets.push(socket),
      error: unexpected,
    });
    await until(() => running.closed);
    running.unsubscribe();
    await turns(5);
    assert.equal(sockets[0]?.destroyed, false);
    sockets[0].destroy();
  });

  it('lets a socket fail between its taking and its reading without harm', async (test) => {
    const { port, accepted } = await newServer(test);
    const socket = await lastValueFrom(connect({ host: HOST, port, timeoutMs: LONG }));
    await until(() => accepted.length === 1);
    socket.resume();
    accepted[0]?.resetAndDestroy();
    await until(() => socket.destroyed);
  });

  it('errors when nobody listens there', async () => {
    const port = await freePort();
    await assert.rejects(lastValueFrom(connect({ host: HOST, port, timeoutMs: LONG })), {
      name: 'ConnectionError',
      code: 'CONNECT_FAILED',
      message: new RegExp(`${HOST}:${port}.*refused`),
    });
  });

  it('says why when a name has several addresses and none answers', async () => {
    const port = await freePort();
    await assert.rejects(lastValueFrom(connect({ host: 'localhost', port, timeoutMs: LONG })), {
      code: 'CONNECT_FAILED',
      message: /refused/,
    });
  });

  it('errors when there is no such host', async () => {
    // Reserved by RFC 2606: no name below .invalid will ever be there.
    await assert.rejects(lastValueFrom(connect({ host: 'sluice.invalid', port: 1234, timeoutMs: LONG })), {
      code: 'HOST_NOT_FOUND',
    });
  });

  it('errors when the time is up, and closes the socket', async (test) => {
    const { port, accepted } = await newServer(test);
    // The deadline is over before the loop looks at the connection for the first time.
    const connected = lastValueFrom(connect({ host: HOST, port, timeoutMs: 1 }));
    const end = performance.now() + 20;
    while (performance.now() < end);
    await assert.rejects(connected, { name: 'TimeoutError', code: 'CONNECT_TIMEOUT' });
    await turns();
    await until(() => accepted.every((socket) => socket.destroyed));
  });

  it('closes the socket when it is unsubscribed while connecting', async (test) => {
    const { port, accepted } = await newServer(test);
    connect({ host: HOST, port, timeoutMs: LONG })
      .subscribe({ next: () => assert.fail('connected'), error: unexpected })
      .unsubscribe();
    await turns();
    await until(() => accepted.every((socket) => socket.destroyed));
  });

  it('closes the socket when it is unsubscribed while the name is looked up', async () => {
    connect({ host: 'sluice.invalid', port: 1234, timeoutMs: LONG })
      .subscribe({ next: () => assert.fail('connected'), error: unexpected })
      .unsubscribe();
    await turns();
  });
});
