import { EMPTY, type Observable, catchError, ignoreElements, map, tap } from 'rxjs';
import { sluiceError } from '../../errors/from-system.ts';
import type { Listener } from '../../net/listen.ts';
import { withLine } from './content.ts';
import { awaitData } from './data-connection.ts';
import { Line } from './line.ts';
import type { ServerTurn } from './server.ts';

export interface WaitForData {
  /** Opens the port. */
  readonly listener$: Observable<Listener>;
  /** Tells the client where it is. */
  readonly announce: (port: number) => Observable<never>;
  /** Answers a client whose port could not be opened. */
  readonly excuse: (message: string) => Observable<never>;
}

/**
 * Does the data part of a command on a connection that the client makes. Completes in any case: what failed was told
 * on the data connection, at least by breaking it off, and the next command may come.
 */
export const withAwaitedData = (
  { line, context: { limits } }: ServerTurn,
  { listener$, announce, excuse }: WaitForData,
  use: (data: Line) => Observable<unknown>,
): Observable<never> => {
  const data$ = awaitData(listener$, line.peer, limits.dataMs, announce).pipe(
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
