import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { type Observable, Subject, of, throwError } from 'rxjs';
import type { Progress } from '../../lib/streams/flow.ts';
import { fromChunks } from '../../lib/streams/from-chunks.ts';
import { pumpWithin } from '../../lib/streams/pump.ts';
import { type ToWritableOptions, toWritable } from '../../lib/streams/to-writable.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { pattern, settled, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { inPiecesOf } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { socketPair } from '../helpers/sockets.ts';

checkLeaks();

const EVENTS = ['close', 'drain', 'end', 'error', 'finish', 'pipe'];

/** A stream that keeps what it gets, finishing each write a turn later. */
const keeper = (): { writable: Writable; kept: () => Buffer } => {
  const chunks: Buffer[] = [];
  const writable = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      setImmediate(done);
    },
  });
  return { writable, kept: () => Buffer.concat(chunks) };
};

const write = (bytes$: Observable<Buffer>, writable: Writable, options?: ToWritableOptions): Promise<Progress[]> =>
  valuesOf(bytes$.pipe(toWritable(writable, options)(new Valve())));

describe('toWritable', () => {
  it('writes every byte and ends the stream', async () => {
    const { writable, kept } = keeper();
    const bytes = pattern(100_000);
    const progress = await write(of(...inPiecesOf(30_000, bytes)), writable);
    assert.deepEqual(kept(), bytes);
    assert.ok(writable.writableFinished);
    assert.deepEqual(progress, [{ bytes: 30_000 }, { bytes: 60_000 }, { bytes: 90_000 }, { bytes: 100_000 }]);
  });

  it('completes with an empty source, and ends the stream', async () => {
    const { writable } = keeper();
    assert.deepEqual(await write(of(), writable), []);
    assert.ok(writable.writableFinished);
  });

  it('completes only when the stream has finished', async () => {
    let finish: () => void = () => undefined;
    const writable = new Writable({
      write: (_, __, done) => done(),
      final: (done) => (finish = done),
    });
    let completed = false;
    const written = write(of(Buffer.from('abc')), writable).then(() => (completed = true));
    await turns(5);
    assert.equal(completed, false);
    finish();
    await written;
  });

  it('holds each chunk until the stream has taken it', async () => {
    const taken: (() => void)[] = [];
    const writable = new Writable({ write: (_, __, done) => taken.push(done) });
    const valve = new Valve();
    const source = new Subject<Buffer>();
    const running = source.pipe(toWritable(writable)(valve)).subscribe({ error: unexpected });
    source.next(Buffer.alloc(1000));
    source.next(Buffer.alloc(500));
    assert.equal(valve.held, 1500);
    await until(() => taken.length === 1);
    taken.shift()?.();
    await until(() => valve.held === 500);
    taken.shift()?.();
    await until(() => valve.held === 0);
    running.unsubscribe();
  });

  it('stops the source while a socket is not read at its other end', async (test) => {
    const { near } = await socketPair(test);
    let produced = 0;
    const generate = function* () {
      for (;;) {
        produced += 65_536;
        yield Buffer.alloc(65_536);
      }
    };
    const running = pumpWithin({ high: 131_072 })(fromChunks(generate()), toWritable(near)).subscribe({
      error: unexpected,
    });
    const stopped = await settled(() => produced);
    assert.ok(near.writableLength > 0);
    assert.equal(near.bytesWritten, stopped);
    assert.ok(near.writableLength <= 131_072 + 65_536);
    running.unsubscribe();
    assert.ok(near.destroyed);
  });

  it('errors with what the stream fails with, and leaves the source', async () => {
    const failure = new Error('disk full');
    const writable = new Writable({ write: (_, __, done) => done(failure) });
    const source = new Subject<Buffer>();
    const written = write(source, writable);
    source.next(Buffer.from('abc'));
    await assert.rejects(written, failure);
    assert.equal(source.observed, false);
  });

  it('errors when the stream closes before the last byte', async () => {
    const writable = new PassThrough();
    const written = write(new Subject<Buffer>(), writable);
    writable.destroy();
    await assert.rejects(written, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('errors when the stream was destroyed before', async () => {
    const writable = new PassThrough();
    writable.destroy();
    await turns(2);
    await assert.rejects(write(new Subject<Buffer>(), writable), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  for (const end of [true, false])
    it(`errors when somebody else ends the stream before the last byte, with end: ${end}`, async () => {
      const { writable } = keeper();
      const source = new Subject<Buffer>();
      const written = write(source, writable, { end });
      source.next(Buffer.from('abc'));
      writable.end();
      await assert.rejects(written, { code: 'CLOSED_EARLY' });
      assert.equal(source.observed, false);
    });

  it('errors when the connection is reset at the other end', async (test) => {
    const { near, far } = await socketPair(test);
    const source = new Subject<Buffer>();
    const written = write(source, near);
    near.resume();
    far.resetAndDestroy();
    await assert.rejects(written, { code: 'ECONNRESET' });
    assert.ok(near.destroyed);
  });

  it('passes the error of the source on and destroys the stream, unfinished', async () => {
    const failure = new Error('source broken');
    const { writable } = keeper();
    await assert.rejects(
      write(
        throwError(() => failure),
        writable,
      ),
      failure,
    );
    assert.ok(writable.destroyed);
    assert.equal(writable.writableFinished, false);
  });

  it('destroys the stream and leaves the source when it is unsubscribed', async () => {
    const { writable } = keeper();
    const source = new Subject<Buffer>();
    const running = source.pipe(toWritable(writable)(new Valve())).subscribe({ error: unexpected });
    source.next(Buffer.from('abc'));
    running.unsubscribe();
    assert.ok(writable.destroyed);
    assert.equal(source.observed, false);
    await turns(2);
  });

  it('keeps an error quiet that comes after it was unsubscribed', async () => {
    const writable = new Writable({ destroy: (_, done) => setImmediate(done, new Error('too late')) });
    new Subject<Buffer>().pipe(toWritable(writable)(new Valve())).subscribe({ error: unexpected }).unsubscribe();
    await turns(5);
    assert.ok(writable.closed);
  });

  describe('with a stream that outlives it', () => {
    it('completes when the last chunk was taken and leaves the stream open', async () => {
      const { writable, kept } = keeper();
      const before = EVENTS.map((event) => writable.listenerCount(event));
      await write(of(Buffer.from('abc'), Buffer.from('def')), writable, { end: false });
      assert.equal(kept().toString(), 'abcdef');
      await write(of(Buffer.from('ghi')), writable, { end: false });
      assert.equal(kept().toString(), 'abcdefghi');
      assert.equal(writable.writableEnded, false);
      assert.equal(writable.destroyed, false);
      assert.deepEqual(
        EVENTS.map((event) => writable.listenerCount(event)),
        before,
      );
      writable.destroy();
    });

    it('completes with an empty source', async () => {
      const { writable } = keeper();
      assert.deepEqual(await write(of(), writable, { end: false }), []);
      assert.equal(writable.writableEnded, false);
      writable.destroy();
    });

    it('leaves the stream open when it is unsubscribed', async () => {
      const { writable, kept } = keeper();
      const source = new Subject<Buffer>();
      const running = source.pipe(toWritable(writable, { end: false })(new Valve())).subscribe({ error: unexpected });
      source.next(Buffer.from('abc'));
      running.unsubscribe();
      await turns(5);
      assert.equal(kept().toString(), 'abc');
      assert.equal(writable.destroyed, false);
      writable.destroy();
    });

    it('errors when the stream fails', async () => {
      const failure = new Error('broken pipe');
      const writable = new Writable({ write: (_, __, done) => done(failure) });
      await assert.rejects(write(of(Buffer.from('abc')), writable, { end: false }), failure);
    });
  });
});
