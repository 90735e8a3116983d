import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, describe, it } from 'node:test';
import { type ServerEvent, serve } from '../../lib/index.ts';
import { unexpected } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { heldBytes } from '../helpers/memory.ts';
import { connectRaw, messageFrame, until } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';
import { assertServes } from './scene.ts';
import type { FaultSize } from './size.ts';

const AT_ONCE = 50;
const ROOM = 8 * 1024 ** 2;

const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** Connects, says something or nothing, and leaves with FIN or RST. */
const visit = async (port: number, turn: number): Promise<void> => {
  const socket = connect({ host: '127.0.0.1', port }).on('error', () => undefined);
  await once(socket, 'connect');
  if (turn % 3 === 1) socket.write('00000000');
  if (turn % 3 === 2) socket.write(messageFrame({ type: 'hello', version: 1, digests: ['sha256'] }));
  if (turn % 2 === 0) socket.destroy();
  else socket.resetAndDestroy();
  if (!socket.closed) await once(socket, 'close');
};

/** A server whose events are counted and not kept: ten thousand errors with their stacks are no small thing. */
const countingServer = async (test: TestContext) => {
  const server = { port: 0, ended: 0 };
  const root = await temporaryFolder(test);
  const count = (event: ServerEvent) => {
    if (event.type === 'listening') server.port = event.port;
    if (event.type === 'turned-away' || event.type === 'session-closed') server.ended += 1;
  };
  const running = serve({ root, port: 0 }).subscribe({ next: count, error: unexpected });
  test.after(() => running.unsubscribe());
  await until('a listening server', () => server.port > 0);
  return server;
};

export const faultVisits = ({ visits, crowd }: FaultSize): void => {
  describe('fault 12: connections that come to nothing', () => {
    it(`fault 12: ${visits} clients that connect and leave cost nothing that lasts`, async (test) => {
      const server = await countingServer(test);
      const come = async (count: number) => {
        const before = server.ended;
        for (let done = 0; done < count; done += AT_ONCE) {
          const together = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => index);
          await Promise.all(together.map((turn) => visit(server.port, done + turn)));
          await until('the end of each visit', () => server.ended === before + done + together.length);
        }
      };
      await come(AT_ONCE);
      const [files, bytes] = [openFiles(), heldBytes()];
      await come(visits);
      await until('every connection to be closed', () => openFiles() <= files);
      assert.ok(heldBytes() - bytes < ROOM, `${heldBytes() - bytes} bytes more are held`);
      await assertServes(test, server);
    });

    it(`fault 12: ${crowd} clients that never finish their hello hold up nobody, and are turned away in time`, async (test) => {
      const server = await startServer(test, { limits: { helloMs: 2000 } });
      const silent = await Promise.all(Array.from({ length: crowd }, () => connectRaw(test, server.port)));
      for (const peer of silent) peer.write('0000000100{"type":');
      await assertServes(test, server);
      const drip = setInterval(() => {
        for (const peer of silent) if (peer.socket.writable) peer.write(' ');
      }, 100);
      try {
        await Promise.all(silent.map((peer) => peer.error('HELLO_TIMEOUT')));
      } finally {
        clearInterval(drip);
      }
      await Promise.all(silent.map((peer) => peer.rest()));
      await assertServes(test, server);
    });
  });
};
