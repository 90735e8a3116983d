import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BehaviorSubject, lastValueFrom, take, throwError, toArray } from 'rxjs';
import { fromChunks } from '../../lib/streams/from-chunks.ts';
import { ALWAYS_OPEN$, bytesOf, turns, unexpected, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const CHUNKS = ['a', 'bc', '', 'd'].map((text) => Buffer.from(text));

/** Chunks without end, what was taken of them and whether their iterator was closed. */
const counted = () => {
  const state = { taken: 0, closed: false };
  const generate = function* () {
    try {
      for (;;) {
        state.taken += 1;
        yield Buffer.from('x');
      }
    } finally {
      state.closed = true;
    }
  };
  return { state, chunks: generate() };
};

describe('fromChunks', () => {
  it('emits the very chunks in their order', async () => {
    const seen = await valuesOf(fromChunks(CHUNKS)(ALWAYS_OPEN$));
    assert.equal(seen.length, CHUNKS.length);
    seen.forEach((chunk, index) => assert.equal(chunk, CHUNKS[index]));
  });

  it('completes without chunks', async () => assert.equal((await bytesOf(fromChunks([]))).length, 0));

  it('begins anew for each subscriber', async () => {
    const source = fromChunks(CHUNKS);
    assert.equal((await bytesOf(source)).toString(), 'abcd');
    assert.equal((await bytesOf(source)).toString(), 'abcd');
  });

  it('takes one chunk in each turn of the event loop', async () => {
    const { state, chunks } = counted();
    const running = fromChunks(chunks)(ALWAYS_OPEN$).subscribe({ error: unexpected });
    await turns(10);
    const { taken } = state;
    assert.ok(taken >= 9 && taken <= 11, `${taken} chunks in 10 turns`);
    running.unsubscribe();
  });

  it('takes nothing while the valve is closed, and goes on when it opens', async () => {
    const { state, chunks } = counted();
    const gate = new BehaviorSubject(false);
    const running = fromChunks(chunks)(gate).subscribe({ error: unexpected });
    await turns(5);
    const closed = state.taken;
    gate.next(true);
    await turns(5);
    gate.next(false);
    await turns(2);
    const opened = state.taken;
    await turns(5);
    const closedAgain = state.taken;
    gate.next(true);
    await turns(5);
    assert.equal(closed, 0);
    assert.ok(opened > closed);
    assert.equal(closedAgain, opened);
    assert.ok(state.taken > closedAgain);
    running.unsubscribe();
    assert.equal(gate.observed, false);
  });

  it('does not go faster when the valve opens twice', async () => {
    const { state, chunks } = counted();
    const gate = new BehaviorSubject(true);
    const running = fromChunks(chunks)(gate).subscribe({ error: unexpected });
    for (const open of [false, true, false, true]) gate.next(open);
    await turns(10);
    assert.ok(state.taken <= 11);
    running.unsubscribe();
  });

  it('closes the iterator when it is unsubscribed, before and after its first chunk', async () => {
    for (const waiting of [0, 5]) {
      const { state, chunks } = counted();
      // A generator that has not begun has nothing to close, so it is begun here.
      chunks.next();
      const running = fromChunks(chunks)(ALWAYS_OPEN$).subscribe({ error: unexpected });
      await turns(waiting);
      running.unsubscribe();
      const before = state.taken;
      assert.equal(state.closed, true);
      await turns(5);
      assert.equal(state.taken, before);
    }
  });

  it('closes the iterator when its taker has enough', async () => {
    const { state, chunks } = counted();
    await lastValueFrom(fromChunks(chunks)(ALWAYS_OPEN$).pipe(take(2), toArray()));
    assert.deepEqual(state, { taken: 2, closed: true });
  });

  it('errors with what the iterator throws, after the chunks before', async () => {
    const failure = new Error('out of chunks');
    const generate = function* () {
      yield Buffer.from('a');
      throw failure;
    };
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      fromChunks(generate())(ALWAYS_OPEN$).subscribe({
        next: (chunk) => seen.push(chunk.toString()),
        error: (error: unknown) => {
          seen.push(error);
          resolve();
        },
      });
    });
    assert.deepEqual(seen, ['a', failure]);
  });

  it('errors when the valve does', async () => {
    const failure = new Error('valve broken');
    const { state, chunks } = counted();
    chunks.next();
    await assert.rejects(valuesOf(fromChunks(chunks)(throwError(() => failure))), failure);
    assert.equal(state.closed, true);
  });
});
