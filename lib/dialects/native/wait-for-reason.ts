import { type MonoTypeOperatorFunction, catchError, mergeMap, throwError, timer } from 'rxjs';
import { SluiceError } from '../../errors/errors.ts';

const REASON_MS = 5000;

/**
 * Holds an error of a data connection back for up to five seconds: the connection breaks before the peer's reason arrives
 * on the control connection, and the reason, which then ends this stream from outside, says more.
 */
export const waitForReason = <T>(): MonoTypeOperatorFunction<T> =>
  catchError((error: unknown) => {
    const failed$ = throwError(() => error);
    return isConnectionTrouble(error) ? timer(REASON_MS).pipe(mergeMap(() => failed$)) : failed$;
  });

const isConnectionTrouble = (error: unknown): boolean =>
  error instanceof SluiceError && (error.code === 'CLOSED_EARLY' || error.code === 'CONNECT_FAILED');
