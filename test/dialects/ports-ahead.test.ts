import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { type TestContext, describe, it } from 'node:test';
import { NEVER, lastValueFrom, take, toArray } from 'rxjs';
import type { DataOffers } from '../../lib/dialects/native/data-connections.ts';
import { PortsAhead } from '../../lib/dialects/native/ports-ahead.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { until } from '../helpers/raw-peer.ts';

checkLeaks();

const HOST = '127.0.0.1';

const portsAhead = (test: TestContext, aheadMs?: number): PortsAhead => {
  const ports = new PortsAhead(HOST, 5000, aheadMs);
  test.after(() => ports.close());
  return ports;
};

const dial = async (test: TestContext, port: number): Promise<Socket> => {
  const socket = connect({ host: HOST, port });
  test.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
};

const show = (socket: Socket, token = ''): void => {
  socket.write(`0000000064${token}`);
};

/** A client that comes to the port that it is offered, with the token. */
const meetAt =
  (test: TestContext) =>
  async ({ port, tokens }: DataOffers): Promise<void> =>
    show(await dial(test, port), tokens[0]);

/** Lets one transfer wait; `meet` is told what the client is offered, and comes. */
const transfer = (ports: PortsAhead, meet: (offers: DataOffers) => Promise<void>): Promise<DataOffers> =>
  new Promise((resolve, reject) => {
    let offered: DataOffers | undefined;
    ports
      .awaitPeers(1, (offers) => {
        offered = offers;
        meet(offers).catch(reject);
        return NEVER;
      })
      .subscribe({
        next: ({ socket }) => socket.destroy(),
        error: reject,
        complete: () => resolve(offered ?? assert.fail('nothing was offered')),
      });
  });

const isRefused = (test: TestContext, port: number): Promise<void> =>
  assert.rejects(dial(test, port), { code: 'ECONNREFUSED' });

describe('PortsAhead', () => {
  it('tells each transfer a fresh port and the one of the next transfer, which is open by then', async (test) => {
    const ports = portsAhead(test);
    const first = await transfer(ports, meetAt(test));
    const early = await dial(test, first.next ?? 0);
    const second = await transfer(ports, ({ tokens }) => Promise.resolve(show(early, tokens[0])));
    assert.equal(second.port, first.next);
    assert.equal(new Set([first.port, second.port, second.next]).size, 3);
    // One transfer, one port: what was used is closed.
    for (const { port } of [first, second]) await isRefused(test, port);
  });

  it('gives transfers at the same time a port each', async (test) => {
    const ports = portsAhead(test);
    const all = await Promise.all([1, 2, 3, 4].map(() => transfer(ports, meetAt(test))));
    assert.equal(new Set(all.map(({ port }) => port)).size, 4);
  });

  it('turns a stranger away who comes to the next port, and lets its peer in', async (test) => {
    const ports = portsAhead(test);
    const { next = 0 } = await transfer(ports, meetAt(test));
    const stranger = await dial(test, next);
    show(stranger, 'f'.repeat(64));
    await once(stranger.resume(), 'close');
    const { port } = await transfer(ports, meetAt(test));
    assert.equal(port, next);
  });

  it('closes the next port with the session', async (test) => {
    const ports = portsAhead(test);
    const { next = 0 } = await transfer(ports, meetAt(test));
    ports.close();
    await isRefused(test, next);
  });

  it('closes a next port that nobody asks for in time, and opens others', async (test) => {
    const ports = portsAhead(test, 50);
    const { next = 0 } = await transfer(ports, meetAt(test));
    const isClosed = () =>
      isRefused(test, next).then(
        () => true,
        () => false,
      );
    await until('a closed port', isClosed);
    assert.notEqual((await transfer(ports, meetAt(test))).port, next);
  });

  it('waits for several peers of one transfer', async (test) => {
    const ports = portsAhead(test);
    const meetAll = ({ port, tokens }: DataOffers) => {
      for (const token of tokens) void dial(test, port).then((socket) => show(socket, token));
      return NEVER;
    };
    const met = await lastValueFrom(ports.awaitPeers(3, meetAll).pipe(take(3), toArray()));
    for (const { socket } of met) socket.destroy();
    assert.deepEqual(met.map(({ index }) => index).sort(), [0, 1, 2]);
  });
});
