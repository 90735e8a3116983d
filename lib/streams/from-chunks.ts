import { Observable } from 'rxjs';
import type { Source } from './flow.ts';

/**
 * Bytes from memory, or from any iterable that makes them on demand: one chunk is taken from it at a time, and only
 * while the sink has room. Unsubscribing closes the iterator. Each chunk comes in a turn of its own, so that a long
 * iterable does not starve the process.
 */
export const fromChunks =
  (chunks: Iterable<Buffer>): Source =>
  (open$) =>
    new Observable((subscriber) => {
      const iterator: Iterator<Buffer, unknown> = chunks[Symbol.iterator]();
      let open = false;
      let turn: NodeJS.Immediate | undefined;
      const step = () => {
        turn = undefined;
        try {
          const result = iterator.next();
          if (result.done === true) subscriber.complete();
          else subscriber.next(result.value);
        } catch (error) {
          subscriber.error(error);
        }
        schedule();
      };
      const schedule = () => {
        if (open && turn === undefined && !subscriber.closed) turn = setImmediate(step);
      };
      const gate = open$.subscribe({
        next: (isOpen) => {
          open = isOpen;
          schedule();
        },
        error: (error: unknown) => subscriber.error(error),
      });
      return () => {
        gate.unsubscribe();
        if (turn !== undefined) clearImmediate(turn);
        iterator.return?.();
      };
    });
