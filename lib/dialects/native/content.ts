import type { Socket } from 'node:net';
import { Observable, type OperatorFunction, concat, concatMap, defer, map, of, tap } from 'rxjs';
import { ConnectionError, SluiceError } from '../../errors/errors.ts';
import type { Digest } from '../../operators/digest.ts';
import { parseFramePieces } from '../../operators/parse-frame-pieces.ts';
import type { FramePiece } from '../../protocol/frame-decoder.ts';
import type { Sink, Source } from '../../streams/flow.ts';
import { fromReadable } from '../../streams/from-readable.ts';
import { toWritable } from '../../streams/to-writable.ts';
import { ContentReader } from './content-reader.ts';
import { ContentWriter, encodeTrailer } from './content-writer.ts';
import type { Liveness } from './liveness.ts';
import type { Trailer } from './messages.ts';

export interface ContentOptions {
  /** A fresh digest for this content. */
  readonly digest: Digest;
  /** Largest frame, in bytes. */
  readonly maxFrame: number;
  /** Told of every piece that moves. */
  readonly liveness: Liveness;
  /** Told once what the whole content was, before the stream completes. */
  readonly onTrailer: (trailer: Trailer) => void;
}

/**
 * A data connection as the place where one content goes.
 *
 * Progress counts content bytes that the kernel has taken. Completes when it has taken all and the connection is ended;
 * that says nothing about the receiver, whose receipt comes on the control connection. Errors with `CLOSED_EARLY`.
 */
export const sendContent =
  (socket: Socket, { digest, maxFrame, liveness, onTrailer }: ContentOptions): Sink =>
  (valve) =>
  (bytes$) => {
    const writer = new ContentWriter(digest, maxFrame);
    const trailer$ = defer(() => {
      const trailer = writer.finish();
      onTrailer(trailer);
      return of(encodeTrailer(trailer));
    });
    return concat(bytes$.pipe(concatMap((chunk) => writer.write(chunk))), trailer$).pipe(
      toWritable(socket, { nameError: dataConnectionLost })(valve),
      tap(() => liveness.heard()),
      map(({ bytes }) => ({ bytes: writer.contentBytes(bytes) })),
    );
  };

/**
 * A data connection as the place where one content comes from.
 *
 * Completes only after a trailer that agrees with every byte that arrived. Errors with `CLOSED_EARLY` when the
 * connection ends before that, with `SIZE_MISMATCH`, `DIGEST_MISMATCH` and frame errors. Holds nothing of the content.
 */
export const receiveContent =
  (socket: Socket, { digest, maxFrame, liveness, onTrailer }: ContentOptions): Source =>
  (open$) => {
    const reader = new ContentReader(digest, maxFrame);
    return fromReadable(socket)(open$).pipe(
      tap(() => liveness.heard()),
      parseFramePieces({ maxPayload: () => reader.maxPayload }),
      readContent(reader, onTrailer),
    );
  };

const readContent =
  (reader: ContentReader, onTrailer: (trailer: Trailer) => void): OperatorFunction<FramePiece, Buffer> =>
  (pieces$) =>
    new Observable((subscriber) =>
      pieces$.subscribe({
        next: (piece) => {
          try {
            const part = reader.read(piece);
            if (Buffer.isBuffer(part)) subscriber.next(part);
            else if (part !== undefined) {
              onTrailer(part);
              subscriber.complete();
            }
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error: unknown) => subscriber.error(dataConnectionLost(error)),
        complete: () => subscriber.error(dataConnectionLost()),
      }),
    );

/** A data connection that ended before its content did; whatever broke it is the cause, unless it has a name already. */
const dataConnectionLost = (cause?: unknown): unknown =>
  cause instanceof SluiceError && cause.code !== 'FRAME_TRUNCATED'
    ? cause
    : new ConnectionError('CLOSED_EARLY', 'the data connection ended before the content did', { cause });
