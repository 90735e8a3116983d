import { type MonoTypeOperatorFunction, NEVER, type Observable, fromEvent, map, of, take, takeUntil } from 'rxjs';
import { CancelledError } from '../errors/errors.ts';

/** Emits once when the signal is aborted, at once if it is already; never without a signal. Leaves no listener. */
export const whenAborted = (signal: AbortSignal | undefined): Observable<unknown> => {
  if (signal === undefined) return NEVER;
  return signal.aborted ? of(undefined) : fromEvent(signal, 'abort').pipe(take(1));
};

/** Passes everything on until the signal is aborted, then errors with `CANCELLED` and cancels the source. */
export const untilAborted = <T>(signal: AbortSignal | undefined): MonoTypeOperatorFunction<T> =>
  takeUntil(
    whenAborted(signal).pipe(
      map(() => {
        throw new CancelledError('cancelled', { cause: signal?.reason });
      }),
    ),
  );
