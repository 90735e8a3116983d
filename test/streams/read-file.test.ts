import assert from 'node:assert/strict';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { BehaviorSubject, throwError } from 'rxjs';
import { readFile } from '../../lib/streams/read-file.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { ALWAYS_OPEN$, bytesOf, pattern, settled, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const PIECE = 512 * 1024;

/** An open file with that content, closed when the test ends. */
const fileWith = async (test: TestContext, content: Buffer): Promise<FileHandle> => {
  const path = join(await temporaryFolder(test), 'file');
  await writeFile(path, content);
  const handle = await open(path, 'r+');
  test.after(() => handle.close());
  return handle;
};

/** A handle whose reads end when the test says so, in the order it says, with as many bytes as it says, or with the test. */
const scriptedHandle = (test: TestContext, content: Buffer) => {
  test.after(async () => {
    for (let ended = 0; ended < reads.length; await turns(1))
      for (; ended < reads.length; ended += 1) reads[ended]?.finish();
  });
  const reads: { at: number; finish: (bytes?: number) => void; fail: (error: Error) => void }[] = [];
  const read = (buffer: Buffer, offset: number, length: number, position: number) =>
    new Promise<{ bytesRead: number }>((resolve, reject) => {
      const finish = (bytes = length) =>
        resolve({ bytesRead: content.copy(buffer, offset, position, Math.min(position + bytes, content.length)) });
      reads.push({ at: position, finish, fail: reject });
    });
  return { handle: { read } as unknown as FileHandle, reads };
};

describe('readFile', () => {
  for (const size of [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 77])
    it(`emits the ${size} bytes of a file`, async (test) => {
      const bytes = pattern(size);
      const handle = await fileWith(test, bytes);
      assert.ok((await bytesOf(readFile(handle, { end: size }, 'file'))).equals(bytes));
    });

  it('emits only what is between two offsets', async (test) => {
    const bytes = pattern(2 * PIECE);
    const handle = await fileWith(test, bytes);
    for (const [start, end] of [
      [0, 10],
      [10, 10],
      [5, PIECE + 5],
      [PIECE, 2 * PIECE],
      [2 * PIECE - 1, 2 * PIECE],
    ] as const)
      assert.ok((await bytesOf(readFile(handle, { start, end }, 'file'))).equals(bytes.subarray(start, end)));
  });

  it('does not move or close the handle, and can be read again', async (test) => {
    const handle = await fileWith(test, Buffer.from('hello'));
    const source = readFile(handle, { end: 5 }, 'file');
    assert.equal((await bytesOf(source)).toString(), 'hello');
    assert.equal((await bytesOf(source)).toString(), 'hello');
    assert.equal((await handle.read(Buffer.alloc(5))).bytesRead, 5);
  });

  it('emits the pieces in order when the reads end out of order', async (test) => {
    const content = pattern(3 * PIECE);
    const { handle, reads } = scriptedHandle(test, content);
    const seen: Buffer[] = [];
    const running = readFile(
      handle,
      { end: content.length },
      'file',
    )(ALWAYS_OPEN$).subscribe({
      next: (piece) => seen.push(piece),
      error: unexpected,
    });
    assert.deepEqual(
      reads.map(({ at }) => at),
      [0, PIECE, 2 * PIECE],
    );
    reads[2]?.finish();
    reads[1]?.finish();
    await turns(2);
    assert.equal(seen.length, 0);
    reads[0]?.finish();
    await until(() => running.closed);
    assert.equal(seen.length, 3);
    assert.ok(Buffer.concat(seen).equals(content));
  });

  it('reads on where the system gave only some of the bytes', async (test) => {
    const content = pattern(100);
    const { handle, reads } = scriptedHandle(test, content);
    const read = bytesOf(readFile(handle, { end: 100 }, 'file'));
    reads[0]?.finish(30);
    await until(() => reads.length === 2);
    assert.equal(reads[1]?.at, 30);
    reads[1].finish(69);
    await until(() => reads.length === 3);
    reads[2]?.finish();
    assert.ok((await read).equals(content));
  });

  it('has three reads in flight at most', async (test) => {
    const content = pattern(10 * PIECE);
    const { handle, reads } = scriptedHandle(test, content);
    let emitted = 0;
    const running = readFile(
      handle,
      { end: content.length },
      'file',
    )(ALWAYS_OPEN$).subscribe({
      next: () => (emitted += 1),
      error: unexpected,
    });
    for (let done = 0; done < 10; done += 1) {
      assert.equal(reads.length, Math.min(10, done + 3));
      reads[done]?.finish();
      await until(() => emitted === done + 1);
    }
    assert.ok(running.closed);
  });

  it('has no more reads in flight of many files than Node has threads for, and each gets its turn', async (test) => {
    const content = pattern(4 * PIECE);
    const { handle, reads } = scriptedHandle(test, content);
    const contents = [1, 2, 3].map(() => bytesOf(readFile(handle, { end: content.length }, 'file')));
    for (let done = 0; done < 12; done += 1) {
      await until(() => reads.length === Math.min(12, done + 4));
      reads[done]?.finish();
    }
    for (const bytes of await Promise.all(contents)) assert.ok(bytes.equals(content));
    // In the order in which they were due: three of each file.
    assert.deepEqual(
      reads.slice(0, 8).map(({ at }) => at / PIECE),
      [0, 1, 2, 0, 1, 2, 0, 1],
    );
  });

  it('reads no further ahead while the first of its reads is slow', async (test) => {
    const { handle, reads } = scriptedHandle(test, pattern(10 * PIECE));
    const running = readFile(handle, { end: 10 * PIECE }, 'file')(ALWAYS_OPEN$).subscribe({ error: unexpected });
    reads[1]?.finish();
    reads[2]?.finish();
    await turns(5);
    assert.equal(reads.length, 3);
    reads[0]?.finish();
    await until(() => reads.length === 6);
    running.unsubscribe();
  });

  it('begins no read while the valve is closed, and goes on when it opens', async (test) => {
    const { handle, reads } = scriptedHandle(test, pattern(4 * PIECE));
    const gate = new BehaviorSubject(false);
    const running = readFile(handle, { end: 4 * PIECE }, 'file')(gate).subscribe({ error: unexpected });
    await turns(5);
    assert.equal(reads.length, 0);
    gate.next(true);
    assert.equal(reads.length, 3);
    gate.next(false);
    for (const { finish } of reads) finish();
    assert.equal(await settled(() => reads.length), 3);
    gate.next(true);
    assert.equal(reads.length, 4);
    reads[3]?.finish();
    await until(() => running.closed);
    assert.equal(gate.observed, false);
  });

  it('errors when the file is shorter than it was said to be', async (test) => {
    const handle = await fileWith(test, pattern(PIECE + 10));
    const read = bytesOf(readFile(handle, { end: PIECE + 11 }, '/pub/a.iso'));
    await assert.rejects(read, { code: 'SOURCE_CHANGED', message: /\/pub\/a\.iso.*524298/ });
  });

  it('errors when the file shrinks while it is read', async (test) => {
    const handle = await fileWith(test, pattern(8 * PIECE));
    const gate = new BehaviorSubject(true);
    const read = valuesOf(readFile(handle, { end: 8 * PIECE }, 'file')(gate));
    gate.next(false);
    await handle.truncate(4 * PIECE);
    gate.next(true);
    await assert.rejects(read, { code: 'SOURCE_CHANGED' });
  });

  it('gives the pieces before a failure, also those that come after it', async (test) => {
    const content = pattern(3 * PIECE);
    const { handle, reads } = scriptedHandle(test, content);
    const given: number[] = [];
    const outcome = new Promise((resolve) =>
      readFile(
        handle,
        { end: content.length },
        'a.iso',
      )(ALWAYS_OPEN$).subscribe({ next: ({ length }) => given.push(length), error: resolve }),
    );
    reads[2]?.finish();
    reads[1]?.fail(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
    await turns(5);
    assert.deepEqual(given, []);
    reads[0]?.finish();
    assert.equal(((await outcome) as { code?: string }).code, 'READ_FAILED');
    assert.deepEqual(given, [PIECE]);
  });

  it('errors with the system error as cause', async (test) => {
    const { handle, reads } = scriptedHandle(test, pattern(3 * PIECE));
    const read = bytesOf(readFile(handle, { end: 3 * PIECE }, 'a.iso'));
    const failure = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    reads[0]?.fail(failure);
    await assert.rejects(read, { code: 'READ_FAILED', message: /a\.iso/, cause: failure });
    // What lands after the error is dropped.
    reads[1]?.finish();
    reads[2]?.finish();
    await turns(2);
    assert.equal(reads.length, 3);
  });

  it('emits nothing and reads no more after it was unsubscribed', async (test) => {
    const { handle, reads } = scriptedHandle(test, pattern(9 * PIECE));
    const gate = new BehaviorSubject(true);
    const running = readFile(
      handle,
      { end: 9 * PIECE },
      'file',
    )(gate).subscribe({ next: () => assert.fail('emitted'), error: unexpected });
    running.unsubscribe();
    for (const { finish } of reads) finish();
    await turns(5);
    assert.equal(reads.length, 3);
    assert.equal(gate.observed, false);
  });

  it('errors when the valve does', async (test) => {
    const failure = new Error('valve broken');
    const { handle } = scriptedHandle(test, pattern(10));
    await assert.rejects(valuesOf(readFile(handle, { end: 10 }, 'file')(throwError(() => failure))), failure);
  });

  it('lends the same few pieces of memory over and over, each only after all of it has come back', async (test) => {
    const content = pattern(40 * PIECE + 5);
    const handle = await fileWith(test, content);
    const valve = new Valve();
    const memories = new Set<ArrayBufferLike>();
    const received: Buffer[] = [];
    const waiting: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      readFile(handle, { end: content.length }, 'file')
        .lend(valve)
        .subscribe({
          next: (chunk) => {
            memories.add(chunk.buffer);
            valve.hold(chunk.length);
            waiting.push(chunk);
            setImmediate(() => {
              // Given back in two parts, as frames of a chunk are, and looked at until the last moment.
              const done = waiting.shift() ?? Buffer.alloc(0);
              valve.giveBack(done.subarray(0, 1000));
              received.push(Buffer.from(done));
              valve.giveBack(done.subarray(1000));
            });
          },
          error: reject,
          complete: resolve,
        });
    });
    await until(() => waiting.length === 0);
    assert.ok(Buffer.concat(received).equals(content));
    assert.ok(memories.size < 12, `${memories.size} pieces of memory were used`);
  });
});
