import { type Observable, catchError, defer, finalize, tap } from 'rxjs';
import { type Listener, listen } from './listen.ts';

// So many others are used before a port comes again: whoever still tries the old one has gone by then.
const RESTING = 256;

/** Ports of the system's choice that this process has closed again; the first has rested longest. */
const resting = new Set<number>();

/**
 * A port of the system's choice, opened on subscription: once this process has closed some hundred of them, the one that has
 * rested longest. Otherwise as `listen`.
 *
 * Each connection that was closed keeps its port from being chosen again for a minute, and Linux looks through all of them in
 * its search: from some 7000 on that takes 2 ms instead of 0.01 (measured on 6.18; `inet_csk_find_open_port`). A port that is
 * asked for by its number needs no search.
 */
export const listenOnFreshPort = (host: string): Observable<Listener> =>
  defer(() => {
    let opened: number | undefined;
    return listenAgainOrAnew(host).pipe(
      tap(({ port }) => {
        opened = port;
        // The system may choose one that rests here.
        resting.delete(port);
      }),
      finalize(() => {
        if (opened !== undefined) resting.add(opened);
      }),
    );
  });

const listenAgainOrAnew = (host: string): Observable<Listener> => {
  const anew$ = listen({ host, port: 0 });
  const [longest] = resting;
  if (longest === undefined || resting.size <= RESTING) return anew$;
  resting.delete(longest);
  // The system may have given it to another program meanwhile.
  return listen({ host, port: longest }).pipe(catchError(() => anew$));
};
