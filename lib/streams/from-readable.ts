import type { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import type { Source } from './flow.ts';

export interface FromReadableOptions {
  /**
   * Whether the stream belongs to the pipeline, which then destroys it at its end. A stream that is also written to,
   * such as a control connection, is only paused. @default true
   */
  readonly own?: boolean;
  /** Makes the error to raise of the stream's own. @default the stream's own */
  readonly nameError?: (error: Error) => unknown;
}

/**
 * The bytes of a Node stream: a socket, standard input, a file stream.
 *
 * Emits each chunk as it arrives; completes at the stream's end; errors when it fails, and with Node's
 * `ERR_STREAM_PREMATURE_CLOSE` when it closes before its end. Unsubscribing destroys a stream that the pipeline owns. Paused
 * while `open$` is false, when Node itself still reads up to the stream's `highWaterMark`. A paused socket reports neither
 * end nor reset: liveness needs another channel (nodejs/node#31106).
 *
 * Holds four listeners: what `finished` of Node holds in addition is half a kilobyte for each connection.
 */
export const fromReadable =
  (readable: Readable, { own = true, nameError = (error) => error }: FromReadableOptions = {}): Source =>
  (open$) =>
    new Observable((subscriber) => {
      const onData = (chunk: Buffer) => subscriber.next(chunk);
      const onEnd = () => subscriber.complete();
      const onError = (error: Error) => subscriber.error(nameError(error));
      // Behind the end or the error it says nothing new.
      const onClose = () => subscriber.error(nameError(closedBeforeEnd()));
      subscriber.add(() => {
        readable.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose).pause();
        // A stream that is destroyed may still report an error; nobody is left to care.
        if (own) readable.on('error', ignore).destroy();
      });
      if (readable.errored) onError(readable.errored);
      else if (readable.readableEnded) onEnd();
      else if (readable.destroyed) onClose();
      if (subscriber.closed) return;
      readable.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
      subscriber.add(
        open$.subscribe({
          next: (open) => (open ? readable.resume() : readable.pause()),
          error: (error: unknown) => subscriber.error(error),
        }),
      );
    });

const closedBeforeEnd = (): Error =>
  Object.assign(new Error('the stream closed before its end'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });

const ignore = () => undefined;
