import { nextTick } from 'node:process';
import { type MonoTypeOperatorFunction, Observable, tap } from 'rxjs';

/**
 * Joins the small chunks that come in one turn of the event loop, so that what takes them has one in place of hundreds. A
 * chunk of `most` bytes or more passes by itself, behind those before it. Holds less than twice `most` bytes, which no valve has
 * to know of, until the running callback, or the promises it belongs to, are done.
 */
export const joinInTurn =
  (most: number): MonoTypeOperatorFunction<Buffer> =>
  (bytes$) =>
    new Observable((subscriber) => {
      let held: Buffer[] = [];
      let heldBytes = 0;
      const pass = (): void => {
        const [first, ...more] = held;
        if (first === undefined || subscriber.closed) return;
        const joined = more.length === 0 ? first : Buffer.concat(held, heldBytes);
        held = [];
        heldBytes = 0;
        subscriber.next(joined);
      };
      return bytes$.pipe(tap({ error: pass, complete: pass })).subscribe({
        next: (chunk) => {
          if (chunk.length >= most) {
            pass();
            return subscriber.next(chunk);
          }
          if (held.length === 0) nextTick(pass);
          held.push(chunk);
          heldBytes += chunk.length;
          if (heldBytes >= most) pass();
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      });
    });
