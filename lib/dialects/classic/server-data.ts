import {
  EMPTY,
  NEVER,
  type Observable,
  catchError,
  ignoreElements,
  isEmpty,
  map,
  merge,
  mergeMap,
  switchMap,
  take,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { sluiceError } from '../../errors/from-system.ts';
import type { Listener } from '../../net/listen.ts';
import { withLine } from './content.ts';
import { awaitData } from './data-connection.ts';
import { anything } from './forms.ts';
import { Line, connectionLost } from './line.ts';
import type { ServerTurn } from './server.ts';

// Whoever has said its last word may still come for the answer, if it comes soon.
const HALF_CLOSED_MS = 1000;

export interface WaitForData {
  /** Opens the port. */
  readonly listener$: Observable<Listener>;
  /** Tells the client where it is. */
  readonly announce: (port: number) => Observable<never>;
  /** Answers a client whose port could not be opened. */
  readonly excuse: (message: string) => Observable<never>;
}

/**
 * Does the data part of a command on a connection that the client makes, which is not waited for when the client has
 * left. Completes in any case: what failed was told on the data connection, at least by breaking it off, and the next
 * command may come.
 */
export const withAwaitedData = (
  { line, context: { limits } }: ServerTurn,
  { listener$, announce, excuse }: WaitForData,
  use: (data: Line) => Observable<unknown>,
): Observable<never> => {
  const socket$ = awaitData(listener$, line.peer, limits.dataMs, announce);
  const data$ = merge(socket$, departure(line)).pipe(
    take(1),
    map((socket) => new Line(socket, limits.stallMs)),
  );
  return withLine(data$, (data) => use(data).pipe(tap({ error: () => data.reset() }))).pipe(
    ignoreElements(),
    catchError((error: unknown) => {
      const { code, message } = sluiceError(error);
      return code === 'LISTEN_FAILED' ? excuse(message) : EMPTY;
    }),
  );
};

/** Never emits; errors with `CLOSED_EARLY` when the peer has left. One that says something is there. */
const departure = (control: Line): Observable<never> =>
  control.take(anything).pipe(
    isEmpty(),
    switchMap((hasEnded) => (hasEnded ? timer(HALF_CLOSED_MS) : NEVER)),
    mergeMap(() => throwError(() => connectionLost())),
  );
