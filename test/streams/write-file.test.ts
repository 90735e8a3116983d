import assert from 'node:assert/strict';
import { type FileHandle, open, readFile as readWhole, writeFile as writeWhole } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import fc from 'fast-check';
import { Subject, of, throwError } from 'rxjs';
import type { SluiceError } from '../../lib/errors/errors.ts';
import { fromChunks } from '../../lib/streams/from-chunks.ts';
import { pumpWithin } from '../../lib/streams/pump.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { writeFile } from '../../lib/streams/write-file.ts';
import { pattern, settled, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { inPiecesOf } from '../helpers/cuts.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const GATHERED = 1024 * 1024;

/** A new file, closed when the test ends. */
const newFile = async (test: TestContext): Promise<{ path: string; handle: FileHandle }> => {
  const path = join(await temporaryFolder(test), 'file');
  const handle = await open(path, 'w+');
  test.after(() => handle.close());
  return { path, handle };
};

/** A handle that takes as many bytes of each write as the test says, when it says so, and all of it when the test ends. */
const scriptedHandle = (test: TestContext) => {
  test.after(async () => {
    for (let ended = 0; ended < writes.length; await turns(1))
      for (; ended < writes.length; ended += 1) writes[ended]?.finish();
  });
  const content = Buffer.alloc(4 * GATHERED);
  const writes: { at: number; length: number; finish: (bytes?: number) => void; fail: (error: Error) => void }[] = [];
  const writev = (buffers: Buffer[], position: number) =>
    new Promise<{ bytesWritten: number }>((resolve, reject) => {
      const bytes = Buffer.concat(buffers);
      const finish = (taken = bytes.length) => resolve({ bytesWritten: bytes.copy(content, position, 0, taken) });
      writes.push({ at: position, length: bytes.length, finish, fail: reject });
    });
  return { handle: { writev } as unknown as FileHandle, writes, content };
};

describe('writeFile', () => {
  it('writes every byte in its place, however the bytes are cut', async (test) => {
    const bytes = pattern(10_000);
    const { path, handle } = await newFile(test);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4000 }), async (size) => {
        await handle.truncate(0);
        await valuesOf(of(...inPiecesOf(size, bytes)).pipe(writeFile(handle, 'file')(new Valve())));
        assert.ok((await readWhole(path)).equals(bytes));
      }),
      { numRuns: 20 },
    );
  });

  it('writes many megabytes and tells how far it is', async (test) => {
    const bytes = pattern(5 * GATHERED + 123);
    const { path, handle } = await newFile(test);
    const progress = await valuesOf(
      pumpWithin({ high: 2 * GATHERED })(fromChunks(inPiecesOf(65_536, bytes)), writeFile(handle, 'file')),
    );
    assert.ok((await readWhole(path)).equals(bytes));
    assert.equal(progress.at(-1)?.bytes, bytes.length);
    assert.ok(progress.every(({ bytes }, index) => index === 0 || bytes > (progress[index - 1]?.bytes ?? 0)));
  });

  it('completes with an empty source and writes nothing', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    assert.deepEqual(await valuesOf(of().pipe(writeFile(handle, 'file')(new Valve()))), []);
    assert.equal(writes.length, 0);
  });

  it('completes with chunks without bytes', async (test) => {
    const { path, handle } = await newFile(test);
    const empty = Buffer.alloc(0);
    await valuesOf(
      of(empty, Buffer.from('a'), empty, empty, Buffer.from('b'), empty).pipe(writeFile(handle, 'file')(new Valve())),
    );
    assert.equal((await readWhole(path)).toString(), 'ab');
    assert.deepEqual(await valuesOf(of(empty).pipe(writeFile(handle, 'file')(new Valve()))), []);
  });

  it('writes from an offset on and keeps what is before it', async (test) => {
    const { path, handle } = await newFile(test);
    await writeWhole(path, 'hello world');
    await valuesOf(of(Buffer.from('W'), Buffer.from('ORLD')).pipe(writeFile(handle, 'file', 6)(new Valve())));
    assert.equal((await readWhole(path)).toString(), 'hello WORLD');
  });

  it('gathers chunks and has two writes under way at most', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const source = new Subject<Buffer>();
    const running = source.pipe(writeFile(handle, 'file')(new Valve())).subscribe({ error: unexpected });
    const half = Buffer.alloc(GATHERED / 2);
    source.next(half);
    assert.equal(writes.length, 0);
    source.next(half);
    assert.equal(writes.length, 1);
    source.next(half);
    assert.equal(writes.length, 1);
    source.next(half);
    assert.equal(writes.length, 2);
    for (let times = 0; times < 3; times += 1) source.next(half);
    assert.equal(writes.length, 2);
    writes[0]?.finish();
    await until(() => writes.length === 3);
    assert.deepEqual(
      writes.map(({ at, length }) => ({ at, length })),
      [
        { at: 0, length: GATHERED },
        { at: GATHERED, length: GATHERED },
        { at: 2 * GATHERED, length: 1.5 * GATHERED },
      ],
    );
    running.unsubscribe();
  });

  it('tells only of what is written without a gap, but gives back what is written behind one', async (test) => {
    const { handle, writes, content } = scriptedHandle(test);
    const bytes = pattern(3 * GATHERED);
    const source = new Subject<Buffer>();
    const valve = new Valve({ high: 4 * GATHERED });
    const seen: number[] = [];
    let completed = false;
    source.pipe(writeFile(handle, 'file')(valve)).subscribe({
      next: ({ bytes }) => seen.push(bytes),
      complete: () => (completed = true),
      error: unexpected,
    });
    for (const chunk of inPiecesOf(GATHERED, bytes)) source.next(chunk);
    source.complete();
    writes[1]?.finish();
    await until(() => valve.held === 2 * GATHERED);
    await turns(5);
    assert.deepEqual(seen, []);
    writes[0]?.finish();
    await until(() => writes.length === 3);
    assert.deepEqual(seen, [2 * GATHERED]);
    assert.equal(completed, false);
    writes[2]?.finish();
    await until(() => completed);
    assert.deepEqual(seen, [2 * GATHERED, 3 * GATHERED]);
    assert.ok(content.subarray(0, bytes.length).equals(bytes));
  });

  for (const first of [0, 1])
    it(`errors with the failure of write ${first} when the other one has ended, and tells what was written before`, async (test) => {
      const { handle, writes } = scriptedHandle(test);
      const source = new Subject<Buffer>();
      const seen: unknown[] = [];
      source.pipe(writeFile(handle, 'file')(new Valve({ high: 4 * GATHERED }))).subscribe({
        next: ({ bytes }) => seen.push(bytes),
        error: (error: unknown) => seen.push((error as SluiceError).code),
      });
      for (let times = 0; times < 3; times += 1) source.next(Buffer.alloc(GATHERED));
      writes[first]?.fail(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
      await turns(5);
      assert.deepEqual(seen, []);
      writes[1 - first]?.finish();
      await until(() => !source.observed);
      assert.deepEqual(seen, first === 0 ? ['NO_SPACE'] : [GATHERED, 'NO_SPACE']);
      assert.equal(writes.length, 2);
    });

  it('does not write on where the system took only some of the bytes and nobody wants it any more', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const running = of(pattern(100)).pipe(writeFile(handle, 'file')(new Valve())).subscribe({ error: unexpected });
    running.unsubscribe();
    writes[0]?.finish(10);
    await turns(5);
    assert.equal(writes.length, 1);
  });

  it('has no more writes under way of many files than Node has threads for', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const files = Array.from({ length: 6 }, () =>
      valuesOf(of(pattern(10)).pipe(writeFile(handle, 'file')(new Valve()))),
    );
    for (let done = 0; done < 6; done += 1) {
      await until(() => writes.length === Math.min(6, done + 4));
      writes[done]?.finish();
    }
    for (const progress of await Promise.all(files)) assert.deepEqual(progress, [{ bytes: 10 }]);
  });

  it('writes the rest when the source completes during a write, and completes only then', async (test) => {
    const { handle, writes, content } = scriptedHandle(test);
    const bytes = pattern(GATHERED + 5);
    const source = new Subject<Buffer>();
    let completed = false;
    source
      .pipe(writeFile(handle, 'file')(new Valve()))
      .subscribe({ complete: () => (completed = true), error: unexpected });
    source.next(bytes.subarray(0, GATHERED));
    source.next(bytes.subarray(GATHERED));
    source.complete();
    writes[0]?.finish();
    await until(() => writes.length === 2);
    assert.equal(completed, false);
    writes[1]?.finish();
    await until(() => completed);
    assert.ok(content.subarray(0, bytes.length).equals(bytes));
  });

  it('writes on where the system took only some of the bytes, also between two chunks', async (test) => {
    const { handle, writes, content } = scriptedHandle(test);
    const bytes = pattern(100);
    const written = valuesOf(of(...inPiecesOf(30, bytes)).pipe(writeFile(handle, 'file')(new Valve())));
    const taken = [10, 20, 35, 25, 10];
    for (const [index, bytesTaken] of taken.entries()) {
      await until(() => writes.length === index + 1);
      writes[index]?.finish(bytesTaken);
    }
    assert.deepEqual(await written, [{ bytes: 100 }]);
    assert.ok(content.subarray(0, 100).equals(bytes));
    assert.deepEqual(
      writes.map(({ at, length }) => [at, length]),
      [
        [0, 100],
        [10, 90],
        [30, 70],
        [65, 35],
        [90, 10],
      ],
    );
  });

  it('holds bytes until they are written', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const valve = new Valve();
    const source = new Subject<Buffer>();
    const running = source.pipe(writeFile(handle, 'file')(valve)).subscribe({ error: unexpected });
    source.next(Buffer.alloc(GATHERED));
    source.next(Buffer.alloc(1000));
    assert.equal(valve.held, GATHERED + 1000);
    writes[0]?.finish();
    await until(() => valve.held === 1000);
    running.unsubscribe();
  });

  it('counts a tiny chunk as the memory that it takes, so that single bytes close the valve in time', (test) => {
    const { handle } = scriptedHandle(test);
    const valve = new Valve({ high: 100_000 });
    const source = new Subject<Buffer>();
    const running = source.pipe(writeFile(handle, 'file')(valve)).subscribe({ error: unexpected });
    let chunks = 0;
    for (; valve.isOpen; chunks += 1) source.next(Buffer.alloc(1));
    assert.ok(chunks < 1000, `${chunks} chunks of one byte were held`);
    running.unsubscribe();
  });

  it('writes what is gathered when the valve closes, because nothing else would open it', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const valve = new Valve({ high: 1000 });
    const source = new Subject<Buffer>();
    const running = source.pipe(writeFile(handle, 'file')(valve)).subscribe({ error: unexpected });
    source.next(Buffer.alloc(600));
    assert.equal(writes.length, 0);
    source.next(Buffer.alloc(600));
    assert.equal(writes[0]?.length, 1200);
    writes[0].finish();
    await until(() => valve.held === 0);
    // Another part of the pipeline can close it too.
    source.next(Buffer.alloc(400));
    valve.hold(600);
    assert.equal(writes[1]?.length, 400);
    running.unsubscribe();
  });

  it('moves every byte however small the bound of the pipeline is', async (test) => {
    const bytes = pattern(20_000);
    const { path, handle } = await newFile(test);
    for (const high of [1, 100, 5000]) {
      await handle.truncate(0);
      await valuesOf(pumpWithin({ high })(fromChunks(inPiecesOf(777, bytes)), writeFile(handle, 'file')));
      assert.ok((await readWhole(path)).equals(bytes));
    }
  });

  it('stops the source while the disk is slow', async (test) => {
    const { handle } = scriptedHandle(test);
    let produced = 0;
    const generate = function* () {
      for (;;) {
        produced += 65_536;
        yield Buffer.alloc(65_536);
      }
    };
    const running = pumpWithin({ high: 2 * GATHERED })(fromChunks(generate()), writeFile(handle, 'file')).subscribe({
      error: unexpected,
    });
    assert.equal(await settled(() => produced), 2 * GATHERED);
    running.unsubscribe();
  });

  it('errors with the system error as cause and leaves the source', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const source = new Subject<Buffer>();
    const written = valuesOf(source.pipe(writeFile(handle, '/pub/a.iso')(new Valve())));
    source.next(Buffer.alloc(GATHERED));
    const failure = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    writes[0]?.fail(failure);
    await assert.rejects(written, { code: 'NO_SPACE', message: /^\/pub\/a\.iso/, cause: failure });
    assert.equal(source.observed, false);
  });

  it('errors when the file was not opened for writing', async (test) => {
    const { path } = await newFile(test);
    const handle = await open(path, 'r');
    const written = valuesOf(of(Buffer.from('abc')).pipe(writeFile(handle, 'file')(new Valve())));
    await assert.rejects(written, { code: 'WRITE_FAILED' });
    await handle.close();
  });

  it('passes the error of the source on when what came before it is written', async (test) => {
    const failure = new Error('source broken');
    for (const fate of ['written', 'not written'] as const) {
      const { handle, writes } = scriptedHandle(test);
      const source = new Subject<Buffer>();
      const seen: unknown[] = [];
      source.pipe(writeFile(handle, 'file')(new Valve())).subscribe({
        next: ({ bytes }) => seen.push(bytes),
        error: (error: unknown) => seen.push(error),
      });
      source.next(Buffer.alloc(GATHERED));
      source.next(Buffer.from('abc'));
      source.error(failure);
      assert.deepEqual(seen, []);
      writes[0]?.finish();
      await turns(5);
      assert.deepEqual([seen, writes[1]?.length], [[GATHERED], 3]);
      if (fate === 'written') writes[1]?.finish();
      else writes[1]?.fail(new Error('no space'));
      await turns(5);
      assert.deepEqual(seen, fate === 'written' ? [GATHERED, GATHERED + 3, failure] : [GATHERED, failure]);
    }
  });

  it('passes the error of a source on that gave nothing', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const failure = new Error('source broken');
    await assert.rejects(valuesOf(throwError(() => failure).pipe(writeFile(handle, 'file')(new Valve()))), failure);
    assert.equal(writes.length, 0);
  });

  it('leaves the source and begins no other write when it is unsubscribed', async (test) => {
    const { handle, writes } = scriptedHandle(test);
    const source = new Subject<Buffer>();
    const running = source
      .pipe(writeFile(handle, 'file')(new Valve()))
      .subscribe({ next: () => assert.fail('emitted'), error: unexpected });
    for (let times = 0; times < 3; times += 1) source.next(Buffer.alloc(GATHERED));
    running.unsubscribe();
    assert.equal(source.observed, false);
    for (const { finish } of writes) finish();
    await turns(5);
    assert.equal(writes.length, 2);
  });
});
