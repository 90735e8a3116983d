import { type MonoTypeOperatorFunction, catchError, mergeMap, throwError, timer } from 'rxjs';
import { SluiceError } from '../../errors/errors.ts';

// Who receives may have to clear a disk up before it says why; who sends has nothing to do first.
const REASON_MS = { sending: 5000, receiving: 1000 };

/**
 * Holds an error of a data connection back, for up to five seconds on the side that sends and one on the side that
 * receives: the connection breaks before the peer's reason arrives on the control connection, and the reason, which then
 * ends this stream from outside, says more. Where neither side has one, the receiver's failure is the sender's reason.
 */
export const waitForReason = <T>(role: keyof typeof REASON_MS): MonoTypeOperatorFunction<T> =>
  catchError((error: unknown) => {
    const failed$ = throwError(() => error);
    return isConnectionTrouble(error) ? timer(REASON_MS[role]).pipe(mergeMap(() => failed$)) : failed$;
  });

const isConnectionTrouble = (error: unknown): boolean =>
  error instanceof SluiceError && (error.code === 'CLOSED_EARLY' || error.code === 'CONNECT_FAILED');
