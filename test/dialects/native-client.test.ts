import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import type { RemoteSession } from '../../lib/dialects/dialect.ts';
import type { Entry } from '../../lib/protocol/entry.ts';
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

/** A session over such a socket, and what it fails with. */
const open = async (test: TestContext) => {
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
  return { socket, session, failed };
};

describe('the client’s end of a session', () => {
  it('reads no further while the server does not take its pongs', async (test) => {
    const { socket, failed } = await open(test);
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

  it('asks for the next page of a listing when a second entry is wanted, and reads on meanwhile', async (test) => {
    const { socket, session } = await open(test);
    const asked = firstValueFrom(session.execute({ type: 'list', path: [] }));
    const entry = (name: string) => ({ name, kind: 'file', size: 1, modified: 0, mode: 0o644 });
    socket.push(messageFrame({ type: 'listing', id: 1, entries: ['a', 'b', 'c'].map(entry), cursor: 'more' }));
    const reply = await asked;
    assert.ok(reply.type === 'listing');
    const entries = reply.entries[Symbol.asyncIterator]();
    const nextName = async () => ((await entries.next()) as { value?: Entry }).value?.name;
    // The hello and the request.
    assert.deepEqual([await nextName(), socket.writes], ['a', 2]);
    assert.deepEqual([await nextName(), socket.writes], ['b', 3]);
    assert.deepEqual([await nextName(), socket.writes], ['c', 3]);
    socket.push(messageFrame({ type: 'listing', id: 2, entries: [entry('d')] }));
    assert.deepEqual([await nextName(), await nextName(), socket.writes], ['d', undefined, 3]);
  });
});
