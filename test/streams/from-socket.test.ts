import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, Socket, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { BehaviorSubject, firstValueFrom, lastValueFrom, take } from 'rxjs';
import { type ReadMemory, fromSocket } from '../../lib/streams/from-socket.ts';
import { ALWAYS_OPEN$, bytesOf, pattern, turns, unexpected, until } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { socketPair } from '../helpers/sockets.ts';

checkLeaks();

const ignore = { error: () => undefined };

/** Memory that is filled from its start to its end, so many bytes at a time at most. */
const onePlace = (memory: Buffer, most = memory.length): ReadMemory => {
  let used = 0;
  return {
    next: () => (used < memory.length ? memory.subarray(used, used + most) : Buffer.alloc(1)),
    filled: (bytes) => (used += bytes),
  };
};

/** New memory for each read. */
const anywhere: ReadMemory = { next: () => Buffer.alloc(1000), filled: () => undefined };

describe('fromSocket', () => {
  it('reads straight into the memory that it is given, and emits views of it', async (test) => {
    const { near, far } = await socketPair(test);
    const bytes = pattern(300_000);
    far.end(bytes);
    const memory = Buffer.alloc(bytes.length);
    const seen: Buffer[] = [];
    await new Promise<void>((complete) =>
      fromSocket(
        near,
        onePlace(memory),
      )(ALWAYS_OPEN$).subscribe({
        next: (chunk) => seen.push(chunk),
        error: unexpected,
        complete,
      }),
    );
    assert.ok(memory.equals(bytes));
    for (const chunk of seen) assert.equal(chunk.buffer, memory.buffer);
    assert.equal(
      seen.reduce((sum, { length }) => sum + length, 0),
      bytes.length,
    );
  });

  it('reads no more at a time than there is room for', async (test) => {
    const { near, far } = await socketPair(test);
    far.end(pattern(1000));
    const memory = Buffer.alloc(1000);
    const taken = await bytesOf(fromSocket(near, onePlace(memory, 7)));
    assert.ok(taken.equals(pattern(1000)));
  });

  it('does the same with a connection that was accepted, whose server can close then', async (test) => {
    const server = createServer().listen(0, '127.0.0.1');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    await once(server, 'listening');
    const far = new Socket().connect((server.address() as AddressInfo).port, '127.0.0.1');
    test.after(() => far.destroy());
    const [near] = await accepted;
    const memory = Buffer.alloc(3);
    const closed = once(server.close(), 'close');
    const taken = bytesOf(fromSocket(near, onePlace(memory)));
    far.end('abc');
    assert.equal((await taken).toString(), 'abc');
    assert.equal(memory.toString(), 'abc');
    await closed;
  });

  it('emits first what the socket has read before', async (test) => {
    const { near, far } = await socketPair(test);
    far.write('token, content');
    await once(near, 'readable');
    near.unshift(near.read(14));
    const taken = bytesOf(fromSocket(near, anywhere));
    far.end(', and more');
    assert.equal((await taken).toString(), 'token, content, and more');
  });

  it('emits all of it, in however many pieces it came', async (test) => {
    const { near, far } = await socketPair(test);
    far.write('one,');
    await once(near, 'readable');
    near.unshift(near.read(4));
    far.write('two,');
    await until(() => near.readableLength === 8);
    const taken = bytesOf(fromSocket(near, anywhere));
    far.end('three');
    assert.equal((await taken).toString(), 'one,two,three');
  });

  it('closes the connection for a taker that leaves with what had been read before', async (test) => {
    const { near, far } = await socketPair(test);
    far.write('abc');
    await once(near, 'readable');
    near.unshift(near.read(3));
    assert.equal((await lastValueFrom(fromSocket(near, anywhere)(ALWAYS_OPEN$).pipe(take(1)))).toString(), 'abc');
    assert.ok(near.destroyed);
    far.resume();
    await until(() => far.destroyed);
  });

  it('reads what else there is of a socket that has read its end already', async (test) => {
    const { near, far } = await socketPair(test);
    far.end('all of it');
    near.pause();
    await once(near, 'readable');
    await turns(5);
    assert.equal((await bytesOf(fromSocket(near, anywhere))).toString(), 'all of it');
  });

  it('reads nothing while the valve is closed, and goes on when it opens', async (test) => {
    const { near, far } = await socketPair(test);
    const gate = new BehaviorSubject(false);
    let seen = '';
    const running = fromSocket(
      near,
      anywhere,
    )(gate).subscribe({ next: (chunk) => (seen += chunk.toString()), error: unexpected });
    far.write('a');
    await turns(20);
    assert.equal(seen, '');
    gate.next(true);
    await until(() => seen === 'a');
    gate.next(false);
    far.write('b');
    await turns(20);
    assert.equal(seen, 'a');
    gate.next(true);
    await until(() => seen === 'ab');
    running.unsubscribe();
  });

  it('leaves in the kernel what comes while the valve is closed, so that the peer has to wait', async (test) => {
    const { near, far } = await socketPair(test);
    const gate = new BehaviorSubject(true);
    const running = fromSocket(near, anywhere)(gate).subscribe({ next: () => gate.next(false), error: unexpected });
    far.write(Buffer.alloc(64 * 1024 * 1024));
    await until(() => !gate.value);
    await turns(100);
    assert.ok(far.writableLength > 0);
    running.unsubscribe();
  });

  it('closes the connection when it is unsubscribed while the peer is idle', async (test) => {
    const { near, far } = await socketPair(test);
    const running = fromSocket(near, anywhere)(ALWAYS_OPEN$).subscribe(ignore);
    await turns(5);
    running.unsubscribe();
    assert.ok(near.destroyed);
    far.resume();
    await until(() => far.destroyed);
  });

  it('errors when its owner closes the socket', async (test) => {
    const { near, far } = await socketPair(test);
    const taken = bytesOf(fromSocket(near, anywhere));
    await turns(5);
    near.destroy();
    await assert.rejects(taken, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
    far.resume();
    await until(() => far.destroyed);
  });

  it('errors when the socket was closed before', async (test) => {
    const { near } = await socketPair(test);
    near.destroy();
    await turns(2);
    await assert.rejects(bytesOf(fromSocket(near, anywhere)), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('errors when the connection is reset', async (test) => {
    const { near, far } = await socketPair(test);
    const arrived = firstValueFrom(fromSocket(near, anywhere)(ALWAYS_OPEN$));
    far.write('abc');
    await arrived;
    const again = await socketPair(test);
    const taken = bytesOf(fromSocket(again.near, anywhere));
    await turns(5);
    again.far.resetAndDestroy();
    await assert.rejects(taken, { code: 'ECONNRESET' });
  });

  it('reads a socket of another kind as any stream', async () => {
    const other = new PassThrough();
    const taken = bytesOf(fromSocket(other as unknown as Socket, anywhere));
    other.end('abc');
    assert.equal((await taken).toString(), 'abc');
    assert.ok(other.destroyed);
  });
});
