import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom, mergeMap } from 'rxjs';
import { DataDialler } from '../../lib/dialects/native/data-dialler.ts';
import { unexpected, until } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const TOKEN = 'f'.repeat(64);
const SHOWN = `0000000064${TOKEN}`;

/** A port that keeps the connections it gets, and what came on each. */
const openPort = async (test: TestContext) => {
  const sockets: Socket[] = [];
  const received: string[] = [];
  const server = createServer((socket) => {
    const index = sockets.push(socket) - 1;
    received[index] = '';
    socket
      .on('data', (chunk) => (received[index] = `${received[index] ?? ''}${chunk.toString()}`))
      .on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, received };
};

/** Makes one connection as a request does, with something that happens between the question and the offer. */
const dial = async (
  test: TestContext,
  dialler: DataDialler,
  port: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
  next?: number,
): Promise<void> => {
  const socket = await firstValueFrom(
    dialler.dial$.pipe(
      mergeMap(async (answer) => {
        await meanwhile();
        return answer;
      }),
      mergeMap((answer) => answer({ port, token: TOKEN, next })),
    ),
  );
  test.after(() => socket.destroy());
};

/** A dialler that has been offered the same port twice. */
const steady = async (test: TestContext, port: number): Promise<DataDialler> => {
  const dialler = new DataDialler('127.0.0.1', 5000);
  await dial(test, dialler, port);
  await dial(test, dialler, port);
  return dialler;
};

describe('DataDialler', () => {
  it('connects when it has an offer, and shows the token', async (test) => {
    const { port, sockets, received } = await openPort(test);
    await steady(test, port);
    await until(() => received[0] === SHOWN && received[1] === SHOWN);
    assert.equal(sockets.length, 2);
  });

  it('connects together with the request where the offers name one port', async (test) => {
    const { port, sockets, received } = await openPort(test);
    const dialler = await steady(test, port);
    await dial(test, dialler, port, async () => {
      await until(() => sockets.length === 3);
      assert.equal(received[2], '');
    });
    await until(() => received[2] === SHOWN);
    assert.equal(sockets.length, 3);
  });

  it('connects together with the request where the last offer told the port', async (test) => {
    const [first, second] = [await openPort(test), await openPort(test)];
    const dialler = new DataDialler('127.0.0.1', 5000);
    await dial(test, dialler, first.port, undefined, second.port);
    await dial(test, dialler, second.port, () => until(() => second.sockets.length === 1));
    await until(() => second.received[0] === SHOWN);
    assert.deepEqual([first.sockets.length, second.sockets.length], [1, 1]);
  });

  it('closes the connection that nobody offered', async (test) => {
    const { port, sockets } = await openPort(test);
    const dialler = await steady(test, port);
    const asking = dialler.dial$.subscribe({ error: unexpected });
    await until(() => sockets.length === 3);
    asking.unsubscribe();
    await until(() => sockets[2]?.readableEnded === true);
  });

  it('makes another one where the other side has closed it, or offers another port', async (test) => {
    const { port, sockets, received } = await openPort(test);
    const other = await openPort(test);
    const dialler = await steady(test, port);
    await dial(test, dialler, port, async () => {
      await until(() => sockets.length === 3);
      sockets[2]?.resetAndDestroy();
      await sleep(50);
    });
    await until(() => received[3] === SHOWN);
    await dial(test, dialler, other.port);
    await until(() => other.received[0] === SHOWN);
  });
});
