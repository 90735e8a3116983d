import { type MonoTypeOperatorFunction, Subject, defer, finalize, merge, retry, tap, throwError, timer } from 'rxjs';
import type { ErrorCode } from '../errors/codes.ts';
import { SluiceError } from '../errors/errors.ts';
import type { TransferProgress } from '../transfer/transfer-progress.ts';

/** Failures of the way between, of bytes that changed on it, or of a part to go on with: the next try may well succeed. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'CLOSED_EARLY',
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'DATA_TIMEOUT',
  'DIGEST_MISMATCH',
  'FRAME_HEADER_INVALID',
  'FRAME_TOO_LARGE',
  'FRAME_TRUNCATED',
  'HELLO_TIMEOUT',
  'IDLE_TIMEOUT',
  'MESSAGE_INVALID',
  'OFFSET_MISMATCH',
  'SERVER_STOPPING',
  'SIZE_MISMATCH',
  'STALLED',
  'STATE_UNEXPECTED',
]);

/** What a server may say to one who comes back before it has noticed that the old session is dead. */
const PASSING_AFTER_LOSS: ReadonlySet<ErrorCode> = new Set(['BUSY', 'SERVER_FULL']);

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

export interface RetryOptions<T> {
  /** How things stand before anything has moved. */
  readonly nothingYet: T;
  /** How often to try again in a row. */
  readonly retries: number;
  /** Asked after a failure: whether anybody still wants another try. */
  readonly isWanted: () => boolean;
}

/**
 * Subscribes a transfer again, up to `retries` times in a row, when something between the two sides failed: after half a
 * second, then twice as long each time up to half a minute, less up to half of it by chance, so that many clients of one
 * server do not come back together. A try that begins behind more than any before it begins the count anew; bytes that
 * only move again do not, or a transfer that always breaks at the same place would go on for ever.
 *
 * Emits a progress of state `waiting` before each wait. Errors with the last failure. Holds nothing.
 */
export const retrying =
  <T extends TransferProgress>({ nothingYet, retries, isWanted }: RetryOptions<T>): MonoTypeOperatorFunction<T> =>
  (attempt$) =>
    defer(() => {
      const waiting$ = new Subject<T>();
      let last = nothingYet;
      let failures = 0;
      let furthestStart = 0;
      const waitAfter = (error: unknown) => {
        if (!(error instanceof SluiceError) || !isPassing(error, failures) || !isWanted())
          return throwError(() => error);
        failures += 1;
        if (failures > retries) return throwError(() => error);
        const waitMs = waitBefore(failures);
        waiting$.next({ ...last, state: 'waiting', trouble: error, waitMs });
        return timer(waitMs);
      };
      const moving$ = attempt$.pipe(
        tap((progress) => {
          last = progress;
          const { resumed = 0 } = progress;
          if (resumed <= furthestStart) return;
          furthestStart = resumed;
          failures = 0;
        }),
        retry({ delay: waitAfter }),
        finalize(() => waiting$.complete()),
      );
      return merge(waiting$, moving$);
    });

const isPassing = ({ code }: SluiceError, failures: number): boolean =>
  PASSING.has(code) || (failures > 0 && PASSING_AFTER_LOSS.has(code));

/** Whether the same may succeed the next time: it was the way between that failed, and not what was to be done. */
export const mayPass = (error: unknown): boolean => error instanceof SluiceError && PASSING.has(error.code);

const waitBefore = (attempt: number): number => {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return longest * (1 - Math.random() / 2);
};
