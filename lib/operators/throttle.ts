import { concatMap, defer, map, tap, timer } from 'rxjs';
import { OptionError } from '../errors/errors.ts';
import type { HoldingOperator } from '../streams/flow.ts';

// A chunk is let through in pieces that take about this long, so that a slow rate flows instead of jerking.
const PIECE_SECONDS = 0.1;
const MIN_PIECE_BYTES = 1024;

/**
 * Lets at most `bytesPerSecond` pass on average, in pieces of about a tenth of a second, and never ahead of time.
 *
 * What waits here is counted in the pipeline's valve, so a fast source is paused. Chunks come out cut differently but in
 * order. Completion waits for the bytes before it; an error does not and, like unsubscribing, drops what waits.
 */
export const throttle = (bytesPerSecond: number): HoldingOperator => {
  if (!(bytesPerSecond > 0))
    throw new OptionError(`throttle needs a rate above 0 bytes a second, not ${bytesPerSecond}`);
  const pieceBytes = Math.max(MIN_PIECE_BYTES, Math.floor(bytesPerSecond * PIECE_SECONDS));
  return {
    through: (valve) => (bytes$) =>
      defer(() => {
        let due = performance.now();
        return bytes$.pipe(
          tap((chunk) => valve.hold(chunk.length)),
          concatMap((chunk) => pieces(chunk, pieceBytes)),
          concatMap((piece) => {
            const now = performance.now();
            due = Math.max(due, now) + (piece.length / bytesPerSecond) * 1000;
            return timer(due - now).pipe(map(() => piece));
          }),
          tap((piece) => valve.release(piece.length)),
        );
      }),
  };
};

const pieces = (chunk: Buffer, pieceBytes: number): Buffer[] =>
  Array.from({ length: Math.ceil(chunk.length / pieceBytes) }, (_, index) =>
    chunk.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
