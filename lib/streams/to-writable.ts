import { type Writable, finished } from 'node:stream';
import { Observable } from 'rxjs';
import type { Sink } from './flow.ts';

export interface ToWritableOptions {
  /**
   * Whether the stream belongs to the pipeline: it is ended after the last byte and destroyed on cancel. A stream that
   * outlives it, such as standard output, is left open. @default true
   */
  readonly end?: boolean;
}

/**
 * A Node stream as the place where bytes go.
 *
 * A chunk is held until the stream's own callback says it was taken (for a socket: handed to the kernel). Completes
 * when the stream has finished, or, with `end: false`, when the last chunk was taken. Errors when the stream fails or
 * closes before that.
 */
export const toWritable =
  (writable: Writable, { end = true }: ToWritableOptions = {}): Sink =>
  (valve) =>
  (bytes$) =>
    new Observable((subscriber) => {
      let taken = 0;
      let pending = 0;
      let sourceDone = false;
      const completeIfDone = () => {
        if (sourceDone && pending === 0) subscriber.complete();
      };
      const detach = finished(writable, { readable: false }, (error) =>
        error ? subscriber.error(error) : subscriber.complete(),
      );
      const upstream = bytes$.subscribe({
        next: (chunk) => {
          pending += 1;
          valve.hold(chunk.length);
          writable.write(chunk, (error) => {
            pending -= 1;
            valve.release(chunk.length);
            if (error) return;
            taken += chunk.length;
            subscriber.next({ bytes: taken });
            if (!end) completeIfDone();
          });
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => {
          sourceDone = true;
          if (end) writable.end();
          else completeIfDone();
        },
      });
      return () => {
        upstream.unsubscribe();
        detach();
        if (end) writable.on('error', ignore).destroy();
      };
    });

const ignore = () => undefined;
