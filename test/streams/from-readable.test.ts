import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { BehaviorSubject, throwError } from 'rxjs';
import { fromReadable } from '../../lib/streams/from-readable.ts';
import { ALWAYS_OPEN$, bytesOf, pattern, turns, unexpected, until } from '../helpers/collect.ts';
import { inPiecesOf } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { socketPair } from '../helpers/sockets.ts';

checkLeaks();

const ignore = { error: () => undefined };

/** How many listeners there are for each event, but for the listener that swallows errors after the end. */
const listenersOf = (stream: Readable) =>
  Object.fromEntries(['data', 'end', 'close', 'finish'].map((event) => [event, stream.listenerCount(event)]));

describe('fromReadable', () => {
  it('emits every byte and completes at the end', async () => {
    const bytes = pattern(100_000);
    assert.deepEqual(await bytesOf(fromReadable(Readable.from(inPiecesOf(999, bytes)))), bytes);
  });

  it('completes with a stream without bytes', async () =>
    assert.equal((await bytesOf(fromReadable(Readable.from([])))).length, 0));

  it('takes nothing before it is subscribed', async () => {
    const readable = new PassThrough();
    readable.write('abc');
    fromReadable(readable);
    await turns(5);
    assert.equal(readable.readableLength, 3);
    readable.destroy();
  });

  it('errors with what the stream fails with', async () => {
    const failure = new Error('bad sector');
    const readable = new PassThrough();
    const taken = bytesOf(fromReadable(readable));
    readable.write('abc');
    readable.destroy(failure);
    await assert.rejects(taken, failure);
  });

  it('errors when the stream closes before its end', async () => {
    const readable = new PassThrough();
    const taken = bytesOf(fromReadable(readable));
    readable.destroy();
    await assert.rejects(taken, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('errors when the stream was destroyed before', async () => {
    const readable = new PassThrough();
    readable.destroy();
    await turns(2);
    await assert.rejects(bytesOf(fromReadable(readable)), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('errors, and destroys the stream, when the valve does', async () => {
    const readable = new PassThrough();
    const failure = new Error('valve broken');
    const seen: unknown[] = [];
    fromReadable(readable)(throwError(() => failure)).subscribe({ error: (error: unknown) => seen.push(error) });
    await turns(2);
    assert.deepEqual(seen, [failure]);
    assert.ok(readable.destroyed);
  });

  it('reads nothing while the valve is closed, and goes on when it opens', async () => {
    const readable = new PassThrough();
    const gate = new BehaviorSubject(false);
    const seen: string[] = [];
    const running = fromReadable(readable)(gate).subscribe({
      next: (chunk) => seen.push(chunk.toString()),
      error: unexpected,
    });
    readable.write('a');
    await turns(5);
    assert.deepEqual(seen, []);
    gate.next(true);
    await until(() => seen.length === 1);
    gate.next(false);
    readable.write('b');
    await turns(5);
    assert.deepEqual(seen, ['a']);
    gate.next(true);
    await until(() => seen.length === 2);
    assert.deepEqual(seen, ['a', 'b']);
    running.unsubscribe();
  });

  it('leaves no listener behind after thousands of pauses', async () => {
    const readable = new PassThrough();
    const before = listenersOf(readable);
    const gate = new BehaviorSubject(true);
    const running = fromReadable(readable)(gate).subscribe(ignore);
    for (let times = 0; times < 2000; times += 1) gate.next(times % 2 === 0);
    assert.equal(gate.observed, true);
    running.unsubscribe();
    assert.equal(gate.observed, false);
    await turns(2);
    assert.deepEqual(listenersOf(readable), before);
  });

  it('destroys a stream that it owns at its end', async () => {
    const readable = new Readable({ autoDestroy: false, read: () => undefined });
    const taken = bytesOf(fromReadable(readable));
    readable.push('abc');
    readable.push(null);
    assert.equal((await taken).toString(), 'abc');
    assert.ok(readable.destroyed);
  });

  it('destroys a socket when it is unsubscribed while the peer is idle', async (test) => {
    const { near, far } = await socketPair(test);
    const running = fromReadable(near)(ALWAYS_OPEN$).subscribe(ignore);
    await turns(5);
    running.unsubscribe();
    assert.ok(near.destroyed);
    far.resume();
    await until(() => far.destroyed);
  });

  it('keeps an error quiet that comes after it was unsubscribed', async () => {
    const readable = new Readable({
      read: () => undefined,
      destroy: (_, done) => setImmediate(done, new Error('too late')),
    });
    fromReadable(readable)(ALWAYS_OPEN$).subscribe({ error: unexpected }).unsubscribe();
    await turns(5);
    assert.ok(readable.closed);
  });

  it('only pauses a stream that belongs to somebody else', async (test) => {
    const { near, far } = await socketPair(test);
    const before = listenersOf(near);
    const seen: string[] = [];
    const running = fromReadable(near, { own: false })(ALWAYS_OPEN$).subscribe({
      next: (chunk) => seen.push(chunk.toString()),
      error: unexpected,
    });
    far.write('abc');
    await until(() => seen.length === 1);
    running.unsubscribe();
    assert.equal(near.destroyed, false);
    assert.ok(near.isPaused());
    assert.deepEqual(listenersOf(near), before);
    far.write('def');
    await turns(5);
    far.end();
    assert.equal((await bytesOf(fromReadable(near))).toString(), 'def');
  });

  it('errors when a connection is reset', async (test) => {
    const { near, far } = await socketPair(test);
    const taken = bytesOf(fromReadable(near));
    far.write('abc');
    await until(() => near.bytesRead === 3);
    far.resetAndDestroy();
    await assert.rejects(taken, { code: 'ECONNRESET' });
  });
});
