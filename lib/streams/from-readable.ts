import { type Readable, finished } from 'node:stream';
import { Observable } from 'rxjs';
import type { Source } from './flow.ts';

export interface FromReadableOptions {
  /**
   * Whether the stream belongs to the pipeline, which then destroys it at its end. A stream that is also written to,
   * such as a control connection, is only paused. @default true
   */
  readonly own?: boolean;
}

/**
 * The bytes of a Node stream: a socket, standard input, a file stream.
 *
 * Emits each chunk as it arrives; completes at the stream's end; errors when it fails or closes before its end.
 * Unsubscribing destroys a stream that the pipeline owns. Paused while `open$` is false,
 * when Node itself still reads up to the stream's `highWaterMark`. A paused socket reports neither end nor reset:
 * liveness needs another channel (nodejs/node#31106).
 */
export const fromReadable =
  (readable: Readable, { own = true }: FromReadableOptions = {}): Source =>
  (open$) =>
    new Observable((subscriber) => {
      const onData = (chunk: Buffer) => subscriber.next(chunk);
      const detach = finished(readable, { writable: false }, (error) =>
        error ? subscriber.error(error) : subscriber.complete(),
      );
      readable.on('data', onData);
      const gate = open$.subscribe({
        next: (open) => (open ? readable.resume() : readable.pause()),
        error: (error: unknown) => subscriber.error(error),
      });
      return () => {
        gate.unsubscribe();
        detach();
        readable.off('data', onData).pause();
        // A stream that is destroyed may still report an error; nobody is left to care.
        if (own) readable.on('error', ignore).destroy();
      };
    });

const ignore = () => undefined;
