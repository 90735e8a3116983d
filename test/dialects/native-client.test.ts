import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RemoteSession } from '../../lib/dialects/dialect.ts';
import { nativeClient } from '../../lib/dialects/native/client.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { messageFrame, until } from '../helpers/raw-peer.ts';
import { WELCOME } from '../helpers/raw-server.ts';

checkLeaks();

/** A socket whose kernel takes a write only when the test says so. */
class StuckSocket extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  readonly localAddress = '127.0.0.1';
  stuck = false;
  writes = 0;
  #release: () => void = () => undefined;

  override _read(): void {
    // Bytes come from the test.
  }

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes += 1;
    if (this.stuck) this.#release = done;
    else done();
  }

  release(): void {
    this.stuck = false;
    this.#release();
  }
}

describe('the client’s end of a session', () => {
  it('reads no further while the server does not take its pongs', async (test) => {
    const socket = new StuckSocket();
    let session: RemoteSession | undefined;
    const failed: unknown[] = [];
    const connection = nativeClient({ agent: 'test/1' })(socket as unknown as Socket).subscribe({
      next: (opened) => (session = opened),
      error: (error: unknown) => failed.push(error),
    });
    test.after(() => connection.unsubscribe());
    socket.push(messageFrame(WELCOME));
    while (session === undefined) await nextTurn();
    socket.stuck = true;
    for (let id = 1; id <= 1000; id += 1) {
      socket.push(messageFrame({ type: 'ping', id }));
      await nextTurn();
    }
    // The hello, and the one pong that is stuck; all pings behind it wait in the connection.
    assert.equal(socket.writes, 2);
    assert.ok(socket.isPaused());
    assert.ok(socket.readableLength > 30_000);
    socket.release();
    await until('every pong', () => socket.writes === 1001);
    assert.deepEqual(failed, []);
  });
});
