import type { Socket } from 'node:net';
import { Observable, type Subscription, concat, concatMap, defer, map, mergeMap, of, tap } from 'rxjs';
import { ConnectionError, SluiceError } from '../../errors/errors.ts';
import type { DigestName } from '../../operators/digest.ts';
import { BLOCK_BYTES } from '../../protocol/block.ts';
import type { LendingSource, Sink } from '../../streams/flow.ts';
import { PieceLender } from '../../streams/piece-lender.ts';
import { toWritable } from '../../streams/to-writable.ts';
import type { Valve } from '../../streams/valve.ts';
import type { ArrivingBlocks } from './arriving-blocks.ts';
import { ContentReader } from './content-reader.ts';
import { ContentWriter } from './content-writer.ts';
import type { ContentProof } from './messages.ts';
import { receivedPieces } from './received-pieces.ts';
import type { ContentPulse } from './transfer-pulse.ts';
import { waitForReason } from './wait-for-reason.ts';

export interface ContentOptions {
  readonly digestName: DigestName;
  /** Largest frame, in bytes. */
  readonly maxFrame: number;
  /** Where in the content its first byte stands; a whole number of blocks. @default 0 */
  readonly offset?: number | undefined;
  /** Whether messages carry a check, those of the data connection too. @default false */
  readonly checked?: boolean | undefined;
  /** Told of every piece that moves, and how to tell whether a rest is this side's. */
  readonly pulse: ContentPulse;
  /** Told once what the content was, before the stream completes. */
  readonly onProof: (proof: ContentProof) => void;
}

export interface ReceiveOptions extends ContentOptions {
  /** The whole content's length, where it was announced. */
  readonly size?: number | undefined;
  /** Told of each block before its bytes are handed on. */
  readonly blocks: ArrivingBlocks;
}

/**
 * A data connection as the place where one content goes.
 *
 * Progress counts content bytes, from the start of the content, that the kernel has taken. Completes when it has taken
 * all and the connection is ended; that says nothing about the receiver, whose receipt comes on the control connection.
 * Errors with `CLOSED_EARLY`.
 */
export const sendContent =
  (socket: Socket, { pulse, onProof, offset = 0, ...options }: ContentOptions): Sink =>
  (valve) =>
  (bytes$) => {
    const writer = new ContentWriter({ ...options, offset });
    const end$ = defer(() => {
      const { end, proof } = writer.finish();
      onProof(proof);
      pulse.ended(false);
      return of(end);
    });
    pulse.restsHereWhile(() => socket.writableLength === 0);
    return concat(bytes$.pipe(concatMap((chunk) => writer.write(chunk))), end$).pipe(
      toWritable(socket, { nameError: dataConnectionLost })(valve),
      tap(() => pulse.moved()),
      map(({ bytes }) => ({ bytes: writer.contentBytes(bytes) })),
    );
  };

/**
 * A data connection as the place where one content comes from: holds each block, of 1 MiB, until it was compared with the
 * sender's digest, and emits those that are verified. A broken one is emitted only where `blocks` leaves it out and lets the
 * content go on: its bytes keep the others in their places.
 *
 * Completes only after a last block that agrees with the sender's, if none was broken. Errors with `CLOSED_EARLY` when the
 * connection ends before that, with `SIZE_MISMATCH`, `DIGEST_MISMATCH` and frame errors.
 */
export const receiveContent = (socket: Socket, options: ReceiveOptions): LendingSource =>
  Object.assign(
    (open$: Observable<boolean>) => receive(socket, options, open$, (bytes) => Buffer.allocUnsafeSlow(bytes)),
    {
      lend: (valve: Valve) => {
        const blocks = new PieceLender(BLOCK_BYTES);
        valve.ownedBy((chunk) => blocks.takeBack(chunk));
        return receive(socket, options, valve.open$, (bytes) => blocks.lend(bytes));
      },
    },
  );

/** The same over a connection that is still to be made, and whose loss waits for its reason. */
export const receiveContentOver = (socket$: Observable<Socket>, options: ReceiveOptions): LendingSource => {
  const over = (receiveFrom: (source: LendingSource) => Observable<Buffer>) =>
    socket$.pipe(
      mergeMap((socket) => receiveFrom(receiveContent(socket, options))),
      waitForReason('receiving'),
    );
  return Object.assign((open$: Observable<boolean>) => over((source) => source(open$)), {
    lend: (valve: Valve) => over((source) => source.lend(valve)),
  });
};

const receive = (
  socket: Socket,
  { pulse, onProof, blocks, offset = 0, ...options }: ReceiveOptions,
  open$: Observable<boolean>,
  allocate: (bytes: number) => Buffer,
): Observable<Buffer> => {
  const content$ = new Observable<Buffer>((subscriber) => {
    const reader = new ContentReader({ ...options, offset, allocate });
    subscriber.add(restWhileClosed(pulse, open$));
    return receivedPieces(socket, reader, pulse, open$).subscribe({
      next: (piece) => {
        try {
          const block = reader.read(piece);
          if (block === undefined) return;
          blocks.add(block);
          if (block.bytes.length > 0) subscriber.next(block.bytes);
          const { isLast, proof, failed } = block;
          if (failed !== undefined) throw failed;
          if (!isLast) return;
          if (proof !== undefined) onProof(proof);
          pulse.ended(true);
          subscriber.complete();
        } catch (error) {
          subscriber.error(error);
        }
      },
      error: (error: unknown) => subscriber.error(dataConnectionLost(error)),
      complete: () => subscriber.error(dataConnectionLost()),
    });
  });
  return concat(content$, blocks.end$);
};

/** While a receiver's own pipeline takes nothing, the rest is this side's. */
export const restWhileClosed = (pulse: ContentPulse, open$: Observable<boolean>): Subscription => {
  let isOpen = true;
  pulse.restsHereWhile(() => !isOpen);
  return open$.subscribe({ next: (open) => (isOpen = open), error: () => undefined });
};

/** A data connection that ended before its content did; whatever broke it is the cause, unless it has a name already. */
export const dataConnectionLost = (cause?: unknown): unknown =>
  cause instanceof SluiceError && cause.code !== 'FRAME_TRUNCATED'
    ? cause
    : new ConnectionError('CLOSED_EARLY', 'the data connection ended before the content did', { cause });
