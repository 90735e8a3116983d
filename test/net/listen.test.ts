import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { type TestContext, describe, it } from 'node:test';
import { type Subscription, firstValueFrom } from 'rxjs';
import { type Listener, listen } from '../../lib/net/listen.ts';
import { turns, unexpected, until } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const HOST = '127.0.0.1';

/** A port that listens until it is unsubscribed, at the latest when the test ends. */
const start = async (test: TestContext, port = 0): Promise<{ listener: Listener; running: Subscription }> => {
  const listeners: Listener[] = [];
  const running = listen({ host: HOST, port }).subscribe({
    next: (listener) => listeners.push(listener),
    complete: () => assert.fail('completed'),
    error: unexpected,
  });
  test.after(() => running.unsubscribe());
  await until(() => listeners.length > 0);
  const [listener] = listeners;
  assert.ok(listener);
  return { listener, running };
};

/** A client of a port, destroyed when the test ends. */
const call = (test: TestContext, port: number): Socket => {
  const socket = connect({ host: HOST, port }).on('error', () => undefined);
  test.after(() => socket.destroy());
  return socket.resume();
};

/** Whether a port accepts connections. */
const answers = async (test: TestContext, port: number): Promise<boolean> => {
  const socket = call(test, port);
  const answered = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('close', () => resolve(false));
  });
  socket.destroy();
  return answered;
};

describe('listen', () => {
  it('tells where it listens', async (test) => {
    const { listener } = await start(test);
    assert.equal(listener.host, HOST);
    assert.ok(listener.port > 0);
    assert.equal(await answers(test, listener.port), true);
  });

  it('emits each accepted connection', async (test) => {
    const { listener } = await start(test);
    const sockets: Socket[] = [];
    const taking = listener.socket$.subscribe({ next: (socket) => sockets.push(socket), error: unexpected });
    const callers = [call(test, listener.port), call(test, listener.port)];
    await until(() => sockets.length === 2);
    for (const socket of sockets) socket.end('hello');
    await Promise.all(callers.map((caller) => once(caller, 'close')));
    assert.deepEqual(
      callers.map((caller) => caller.bytesRead),
      [5, 5],
    );
    taking.unsubscribe();
  });

  it('refuses a connection that nobody is there to take', async (test) => {
    const { listener } = await start(test);
    await once(call(test, listener.port), 'close');
    const sockets: Socket[] = [];
    const taking = listener.socket$.subscribe({ next: (socket) => sockets.push(socket), error: unexpected });
    taking.unsubscribe();
    await once(call(test, listener.port), 'close');
    assert.deepEqual(sockets, []);
  });

  it('lets an accepted socket fail before anybody reads it', async (test) => {
    const { listener } = await start(test);
    const accepted = firstValueFrom(listener.socket$);
    const caller = call(test, listener.port);
    const socket = await accepted;
    caller.resetAndDestroy();
    socket.resume();
    await until(() => socket.destroyed);
  });

  it('takes no more connections after it was told to stop, and keeps those it has', async (test) => {
    const { listener, running } = await start(test);
    const accepted = firstValueFrom(listener.socket$);
    const caller = call(test, listener.port);
    const socket = await accepted;
    listener.stopAccepting();
    listener.stopAccepting();
    assert.equal(await answers(test, listener.port), false);
    assert.equal(running.closed, false);
    running.unsubscribe();
    socket.end('still here');
    await once(caller, 'close');
    assert.equal(caller.bytesRead, 10);
  });

  it('closes the port when it is unsubscribed, and keeps the connections it has', async (test) => {
    const { listener, running } = await start(test);
    const accepted = firstValueFrom(listener.socket$);
    const caller = call(test, listener.port);
    const socket = await accepted;
    running.unsubscribe();
    assert.equal(await answers(test, listener.port), false);
    socket.end('still here');
    await once(caller, 'close');
    assert.equal(caller.bytesRead, 10);
  });

  it('frees the port for the next one', async (test) => {
    const { listener, running } = await start(test);
    running.unsubscribe();
    const again = await start(test, listener.port);
    assert.equal(again.listener.port, listener.port);
  });

  for (const host of [HOST, 'localhost'])
    it(`closes the port when it is unsubscribed before ${host} listens`, async (test) => {
      // The port is known, so that it can be seen to be free.
      const { listener, running } = await start(test);
      running.unsubscribe();
      listen({ host, port: listener.port })
        .subscribe({ next: () => assert.fail('listens'), error: unexpected })
        .unsubscribe();
      await turns();
      await until(() => !process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap'));
      assert.equal(await answers(test, listener.port), false);
    });

  it('errors when the port is in use', async (test) => {
    const { listener } = await start(test);
    await assert.rejects(firstValueFrom(listen({ host: HOST, port: listener.port })), {
      name: 'ConnectionError',
      code: 'LISTEN_FAILED',
      message: new RegExp(`${HOST}:${listener.port}: the port is in use`),
    });
  });

  it('errors when another program has the port, and can listen when it is gone', async (test) => {
    const other = createServer().listen(0, HOST);
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await assert.rejects(firstValueFrom(listen({ host: HOST, port })), { code: 'LISTEN_FAILED' });
    other.close();
    await once(other, 'close');
    assert.equal((await start(test, port)).listener.port, port);
  });

  it('errors when the address is not one of this machine', async () => {
    // Of a block for documentation (RFC 5737), which no machine has.
    await assert.rejects(firstValueFrom(listen({ host: '192.0.2.1', port: 0 })), {
      code: 'LISTEN_FAILED',
      message: /no such address/,
    });
  });
});
