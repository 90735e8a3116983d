import { setImmediate as nextTurn } from 'node:timers/promises';
import { NEVER, type Observable, concat, lastValueFrom, of, toArray } from 'rxjs';
import type { Source } from '../../lib/streams/flow.ts';

/** A valve that is open for ever. */
export const ALWAYS_OPEN$: Observable<boolean> = concat(of(true), NEVER);

/** Everything an observable emits. */
export const valuesOf = <T>(values$: Observable<T>): Promise<T[]> => lastValueFrom(values$.pipe(toArray()));

/** Every byte of a source that is never held up. */
export const bytesOf = async (source: Source): Promise<Buffer> => Buffer.concat(await valuesOf(source(ALWAYS_OPEN$)));

/** For a subscriber that waits for no error: one that comes fails the test file. */
export const unexpected = (error: unknown): never => {
  throw error;
};

/** Lets some turns of the event loop pass: enough for whatever is not waiting for somebody. */
export const turns = async (count = 50): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
};

/** Waits until something holds; the runner's time limit ends a wait in vain. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await nextTurn();
};

/** Waits until a number has stopped growing, and gives it. */
export const settled = async (count: () => number): Promise<number> => {
  for (;;) {
    const before = count();
    await turns();
    if (count() === before) return before;
  }
};

/** Bytes that differ from place to place, so that a lost, doubled or swapped piece shows. */
export const pattern = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + (at >> 8) * 17 + (at >> 16)) & 0xff;
  return bytes;
};
