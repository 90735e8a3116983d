import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { takeFrame } from '../../lib/net/take-frame.ts';
import { encodeFrame, encodeHeader } from '../../lib/protocol/frame-header.ts';
import { fromReadable } from '../../lib/streams/from-readable.ts';
import { bytesOf, pattern, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { everyCut, everySize, inPiecesOf } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { socketPair } from '../helpers/sockets.ts';

checkLeaks();

const LIMIT = 100;
const EVENTS = ['data', 'end', 'close', 'error'];

const frame = (payload: string): Buffer => encodeFrame(Buffer.from(payload));

/** A stream that gives its reader exactly the chunks that were written, in place of a socket. */
const fakeSocket = (): Socket => new PassThrough() as unknown as Socket;

const takeText = async (socket: Socket, limit = LIMIT): Promise<string[]> =>
  (await valuesOf(takeFrame(socket, limit))).map(String);

describe('takeFrame', () => {
  it('emits the first payload and hands the rest on, wherever the bytes are cut', async () => {
    const bytes = Buffer.concat([frame('hello'), frame('world'), Buffer.from('tail')]);
    const rest = bytes.subarray(frame('hello').length);
    for (const chunks of [...everyCut(bytes), ...everySize(bytes)]) {
      const socket = fakeSocket();
      for (const chunk of chunks) socket.write(chunk);
      socket.end();
      assert.deepEqual(await takeText(socket), ['hello']);
      assert.ok(socket.isPaused());
      assert.deepEqual(await bytesOf(fromReadable(socket)), rest);
    }
  });

  it('takes an empty frame without waiting for another byte', async () => {
    const socket = fakeSocket();
    socket.write(encodeHeader(0));
    assert.deepEqual(await takeText(socket), ['']);
    socket.destroy();
  });

  it('leaves no listener behind', async () => {
    const socket = fakeSocket();
    const before = EVENTS.map((event) => socket.listenerCount(event));
    socket.write(frame('hello'));
    await takeText(socket);
    takeFrame(socket, LIMIT).subscribe({ error: unexpected }).unsubscribe();
    assert.deepEqual(
      EVENTS.map((event) => socket.listenerCount(event)),
      before,
    );
    socket.destroy();
  });

  it('takes a frame from a connection on which it drips', async (test) => {
    const { near, far } = await socketPair(test);
    const taken = takeText(near);
    let sent = 0;
    for (const piece of inPiecesOf(4, Buffer.concat([frame('hello'), Buffer.from('tail')]))) {
      far.write(piece);
      sent += piece.length;
      if (sent <= 12) await until(() => near.bytesRead === sent);
    }
    assert.deepEqual(await taken, ['hello']);
    far.end();
    assert.equal((await bytesOf(fromReadable(near))).toString(), 'tail');
  });

  it('hands on much more than the frame without loss', async (test) => {
    const { near, far } = await socketPair(test);
    const content = pattern(1_000_000);
    far.end(Buffer.concat([frame('hello'), content]));
    assert.deepEqual(await takeText(near), ['hello']);
    assert.ok((await bytesOf(fromReadable(near))).equals(content));
  });

  it('reads no more from the connection once it has its frame', async (test) => {
    const { near, far } = await socketPair(test);
    far.write(frame('hello'));
    await takeText(near);
    far.write(pattern(500_000));
    await turns();
    assert.ok(near.isPaused());
    assert.ok(near.bytesRead <= 15 + 65_536 + near.readableHighWaterMark);
  });

  it('leaves the socket to its next reader when it is torn down after its frame', async () => {
    const socket = fakeSocket();
    socket.write(Buffer.concat([frame('hello'), Buffer.from('tail')]));
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      takeFrame(socket, LIMIT).subscribe({
        next: () => {
          socket.on('data', (chunk: Buffer) => seen.push(chunk.toString())).resume();
        },
        complete: resolve,
        error: unexpected,
      });
    });
    await until(() => seen.length > 0);
    assert.deepEqual(seen, ['tail']);
    socket.destroy();
  });

  const refused: Readonly<Record<string, readonly [bytes: string, code: string]>> = {
    'a frame over the limit, without its payload': ['0000000101', 'FRAME_TOO_LARGE'],
    'a length over the limit before its last digit': ['0000999', 'FRAME_TOO_LARGE'],
    'another protocol at its first byte': ['G', 'FRAME_HEADER_INVALID'],
    'a TLS hello': ['\x16\x03\x01\x02\x00', 'FRAME_HEADER_INVALID'],
    'a sign': ['+000000005hello', 'FRAME_HEADER_INVALID'],
  };
  for (const [name, [bytes, code]] of Object.entries(refused))
    it(`refuses ${name}`, async () => {
      const socket = fakeSocket();
      socket.write(bytes, 'latin1');
      await assert.rejects(takeText(socket), { code });
      assert.equal(socket.destroyed, false);
      assert.equal(socket.listenerCount('data'), 0);
      socket.destroy();
    });

  it('accepts a frame of exactly the limit', async () => {
    const socket = fakeSocket();
    socket.write(frame('x'.repeat(LIMIT)));
    assert.deepEqual(await takeText(socket), ['x'.repeat(LIMIT)]);
    socket.destroy();
  });

  for (const [name, bytes] of Object.entries({
    nothing: '',
    'half a header': '00000',
    'half a payload': '0000000005he',
  }))
    it(`errors when the peer leaves after ${name}`, async (test) => {
      const { near, far } = await socketPair(test);
      far.end(bytes);
      await assert.rejects(takeText(near), { name: 'ConnectionError', code: 'CLOSED_EARLY' });
    });

  it('errors when the connection is reset', async (test) => {
    const { near, far } = await socketPair(test);
    const taken = takeText(near);
    far.resetAndDestroy();
    await assert.rejects(taken, { code: 'CLOSED_EARLY' });
  });

  it('errors when the connection was closed before', async (test) => {
    const { near } = await socketPair(test);
    near.destroy();
    await assert.rejects(takeText(near), { code: 'CLOSED_EARLY' });
  });

  it('pauses the socket and does not close it when it is unsubscribed', async (test) => {
    const { near, far } = await socketPair(test);
    takeFrame(near, LIMIT).subscribe({ error: unexpected }).unsubscribe();
    assert.equal(near.destroyed, false);
    assert.ok(near.isPaused());
    far.end('hello');
    assert.equal((await bytesOf(fromReadable(near))).toString(), 'hello');
  });
});
