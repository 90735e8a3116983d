import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom, toArray } from 'rxjs';
import { type ServerEvent, serve } from '../../lib/index.ts';
import { pattern, unexpected } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { heldBytes } from '../helpers/memory.ts';
import { type RawPeer, openSession, until } from '../helpers/raw-peer.ts';
import { startClient } from '../helpers/server.ts';
import type { FaultSize } from './size.ts';

const AT_ONCE = 50;
// Server and clients are one process here: both ends of a connection are open files of it.
const FILES_PER_SESSION = 2;
const FILES_BESIDES = 200;
// Both ends of a session, the test's own included: 60 KB were measured, nearly all of it the server's pipelines. A chunk of
// 64 KiB that stayed with every session would be above the bound.
const BYTES_PER_SESSION = 96 * 1024;
const CONTENT = pattern(3_000_000);

const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** As many of the wanted sessions as this process may have open, and a word about it if they are fewer. */
const affordable = (test: TestContext, wanted: number): number => {
  const soft = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
  const count = Math.min(wanted, Math.floor((soft - openFiles() - FILES_BESIDES) / FILES_PER_SESSION));
  if (count < wanted) test.diagnostic(`only ${count} of ${wanted} sessions: this process may open ${soft} files`);
  return count;
};

/** A server whose sessions are counted. */
const countingServer = async (test: TestContext, sessions: number) => {
  const server = { port: 0, root: await temporaryFolder(test), opened: 0, closed: 0 };
  const count = (event: ServerEvent) => {
    if (event.type === 'listening') server.port = event.port;
    if (event.type === 'session-opened') server.opened += 1;
    if (event.type === 'session-closed') server.closed += 1;
  };
  const places = { maxSessions: sessions + 100, maxSessionsPerAddress: sessions + 100 };
  // The scripted clients answer no pings, and opening ten thousand of them may take minutes on a busy machine.
  const limits = { quietMs: 600_000, stallMs: 1_200_000 };
  const running = serve({ root: server.root, port: 0, ...places, limits }).subscribe({
    next: count,
    error: unexpected,
  });
  test.after(() => running.unsubscribe());
  await until('a listening server', () => server.port > 0);
  return server;
};

export const faultIdleSessions = ({ idleSessions }: FaultSize): void => {
  describe('fault 11: many idle sessions', () => {
    it(`fault 11: beside ${idleSessions} idle sessions a client is served, and each of them costs little`, async (test) => {
      const count = affordable(test, idleSessions);
      const server = await countingServer(test, count);
      const client = await startClient(test, server);
      const peers: RawPeer[] = [];
      const open = async (upTo: number) => {
        while (peers.length < upTo) {
          const together = Math.min(AT_ONCE, upTo - peers.length);
          peers.push(...(await Promise.all(Array.from({ length: together }, () => openSession(test, server)))));
        }
      };
      // What is loaded and kept at first use is there before anything is counted.
      await open(AT_ONCE);
      const [files, bytes] = [openFiles(), heldBytes()];
      await open(count);
      const each = (heldBytes() - bytes) / (count - AT_ONCE);
      assert.ok(each < BYTES_PER_SESSION, `each session holds ${each} bytes`);
      assert.equal(server.opened, count + 1);

      const local = await temporaryFolder(test);
      await writeFile(join(local, 'file'), CONTENT);
      await lastValueFrom(client.upload(join(local, 'file'), ['file']));
      await lastValueFrom(client.download(['file'], join(local, 'copy')));
      assert.ok(CONTENT.equals(await readFile(join(local, 'copy'))));
      const entries = await lastValueFrom(client.list([]).pipe(toArray()));
      assert.deepEqual(
        entries.map(({ name }) => name),
        ['file'],
      );
      // None of them was given up for it: each still answers.
      assert.equal(server.closed, 0);
      for (const peer of [peers[0], peers[count >> 1], peers.at(-1)])
        assert.deepEqual(await peer?.ask({ type: 'ping', id: 1 }), { type: 'pong', id: 1 });

      for (const [index, peer] of peers.entries()) {
        if (index % 2 === 0) peer.socket.destroy();
        else peer.socket.resetAndDestroy();
      }
      await until('the end of each session', () => server.closed === count);
      await until('every connection to be closed', () => openFiles() < files);
      assert.ok((await client.ping()) >= 0);
    });
  });
};
