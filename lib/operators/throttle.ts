import { concatMap, defer, map, of, tap, timer } from 'rxjs';
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
        let waiting = 0;
        return bytes$.pipe(
          tap((chunk) => {
            // Time in which nothing waited is no credit; a timer that fired late is.
            if (waiting === 0) due = Math.max(due, performance.now());
            waiting += chunk.length;
            valve.hold(chunk.length);
          }),
          concatMap((chunk) => pieces(chunk, pieceBytes)),
          concatMap((piece) => {
            due += (piece.length / bytesPerSecond) * 1000;
            const wait = due - performance.now();
            return wait > 0 ? timer(wait).pipe(map(() => piece)) : of(piece);
          }),
          tap((piece) => {
            waiting -= piece.length;
            valve.release(piece.length);
          }),
        );
      }),
  };
};

const pieces = (chunk: Buffer, pieceBytes: number): Buffer[] =>
  Array.from({ length: Math.ceil(chunk.length / pieceBytes) }, (_, index) =>
    chunk.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
