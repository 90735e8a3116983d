import type { FileHandle } from 'node:fs/promises';
import { Observable } from 'rxjs';
import { FileError, SluiceError } from '../errors/errors.ts';
import { fileError } from '../errors/from-system.ts';
import type { LendingSource } from './flow.ts';
import { PieceLender } from './piece-lender.ts';
import { contentAccess } from './semaphore.ts';
import type { Valve } from './valve.ts';

export interface FileRange {
  /** First byte to read. @default 0 */
  readonly start?: number;
  /** The byte after the last one. */
  readonly end: number;
}

// Measured on loopback, 1 GiB with a digest: 512 KiB pieces reach twice the rate of 64 KiB ones, 1 MiB is slower again;
// from three reads in flight on, the disk or the digest is the limit.
const PIECE_BYTES = 512 * 1024;
const READS_IN_FLIGHT = 3;

/**
 * The bytes of an open file between two offsets, by positioned reads of 512 KiB, three in flight, emitted in order.
 *
 * The handle stays the caller's: unsubscribing waits for nothing and closes nothing, but reads in flight still land in
 * buffers that are then dropped. Each has its turn as `contentAccess` gives it. Errors with `SOURCE_CHANGED` if the file ends
 * before `end`, and with the system's reason otherwise. Holds up to 1.5 MiB beyond the sink's bound; lent, the same pieces of
 * memory over and over.
 */
export const readFile = (handle: FileHandle, range: FileRange, name: string): LendingSource =>
  Object.assign((open$: Observable<boolean>) => read(handle, range, name, open$, fresh), {
    lend: (valve: Valve) => {
      const pieces = new PieceLender(Math.min(PIECE_BYTES, range.end - (range.start ?? 0)));
      valve.ownedBy((chunk) => pieces.takeBack(chunk));
      return read(handle, range, name, valve.open$, (length) => pieces.lend(length));
    },
  });

const fresh = (length: number): Buffer => Buffer.allocUnsafeSlow(length);

const read = (
  handle: FileHandle,
  { start = 0, end }: FileRange,
  name: string,
  open$: Observable<boolean>,
  allocate: (length: number) => Buffer,
): Observable<Buffer> =>
  new Observable((subscriber) => {
    let open = false;
    let next = start;
    let emitted = start;
    // Reads begun whose piece is not emitted: one that waits here for a slower one before it still takes its room.
    let inFlight = 0;
    /** What came of reads, by their offsets. A failure waits for the pieces before it, which are good. */
    const arrived = new Map<number, Buffer | SluiceError>();

    const readAhead = () => {
      while (open && inFlight < READS_IN_FLIGHT && next < end && !subscriber.closed) {
        const at = next;
        const length = Math.min(PIECE_BYTES, end - at);
        next += length;
        inFlight += 1;
        readPiece(at, length).then(
          (piece) => {
            if (piece !== undefined) arrived.set(at, piece);
            emit();
          },
          (error: unknown) => {
            arrived.set(at, fileError(error, `${name}: cannot read`, 'READ_FAILED'));
            emit();
          },
        );
      }
    };
    // Nothing where nobody wants it any more when its turn has come.
    const readPiece = (at: number, length: number): Promise<Buffer | undefined> =>
      contentAccess.run(async () => (subscriber.closed ? undefined : readExactly(handle, at, allocate(length), name)));
    const emit = () => {
      for (let piece = arrived.get(emitted); piece !== undefined && !subscriber.closed; piece = arrived.get(emitted)) {
        if (piece instanceof SluiceError) return subscriber.error(piece);
        arrived.delete(emitted);
        emitted += piece.length;
        inFlight -= 1;
        subscriber.next(piece);
      }
      if (emitted === end) subscriber.complete();
      else readAhead();
    };

    const gate = open$.subscribe({
      next: (isOpen) => {
        open = isOpen;
        readAhead();
      },
      error: (error: unknown) => subscriber.error(error),
    });
    if (start === end) subscriber.complete();
    return () => gate.unsubscribe();
  });

const readExactly = async (handle: FileHandle, at: number, piece: Buffer, name: string): Promise<Buffer> => {
  let filled = 0;
  while (filled < piece.length) {
    const { bytesRead } = await handle.read(piece, filled, piece.length - filled, at + filled);
    if (bytesRead === 0)
      throw new FileError('SOURCE_CHANGED', `${name}: shrank to ${at + filled} bytes while it was read`);
    filled += bytesRead;
  }
  return piece;
};
