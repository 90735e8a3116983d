import { type Writable, finished } from 'node:stream';
import { Observable } from 'rxjs';
import { ConnectionError } from '../errors/errors.ts';
import type { Sink } from './flow.ts';

export interface ToWritableOptions {
  /**
   * Whether the stream belongs to the pipeline: it is ended after the last byte and destroyed on cancel. A stream that
   * outlives it, such as standard output, is left open. @default true
   */
  readonly end?: boolean;
  /** Makes the error to raise of the stream's own. @default the stream's own */
  readonly nameError?: (error: Error) => unknown;
}

/**
 * A Node stream as the place where bytes go.
 *
 * A chunk is held until the stream's own callback says it was taken (for a socket: handed to the kernel); chunks that come
 * in the same turn go there together. Completes
 * when the stream has finished, or, with `end: false`, when the last chunk was taken. Errors when the stream fails or
 * closes before that.
 */
export const toWritable =
  (writable: Writable, { end = true, nameError = (error) => error }: ToWritableOptions = {}): Sink =>
  (valve) =>
  (bytes$) =>
    new Observable((subscriber) => {
      let taken = 0;
      let pending = 0;
      let sourceDone = false;
      let gathering = false;
      const gather = () => {
        if (gathering) return;
        gathering = true;
        writable.cork();
        queueMicrotask(() => {
          gathering = false;
          writable.uncork();
        });
      };
      const completeIfDone = () => {
        if (sourceDone && pending === 0) subscriber.complete();
      };
      const detach = finished(writable, { readable: false }, (error) => {
        if (error) subscriber.error(nameError(error));
        else if (sourceDone) subscriber.complete();
        // A socket ends its own writing side when the peer ends the other one.
        else subscriber.error(new ConnectionError('CLOSED_EARLY', 'the stream was ended before the last byte'));
      });
      const upstream = bytes$.subscribe({
        next: (chunk) => {
          pending += 1;
          valve.take(chunk);
          gather();
          writable.write(chunk, (error) => {
            pending -= 1;
            valve.giveBack(chunk);
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
