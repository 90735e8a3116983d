import { type Observable, catchError, defer, finalize, tap } from 'rxjs';
import { type Listener, listen } from './listen.ts';

// So many others are used before a port comes again: whoever still tries the old one has gone by then.
const RESTING = 256;

/** Ports of the system's choice that this process has closed again; the first has rested longest. */
const resting: number[] = [];

/**
 * A port of the system's choice, opened on subscription: one that it has not given to this process before or, once some hundred
 * of these have been closed, the one of them that has rested longest. Otherwise as `listen`.
 *
 * Each connection that was closed keeps its port from being chosen again for a minute, and Linux looks through all of them in
 * its search: from some 7000 on that takes 2 ms instead of 0.01 (measured on 6.18; `inet_csk_find_open_port`). A port that is
 * asked for by its number needs no search.
 */
export const listenOnFreshPort = (host: string): Observable<Listener> =>
  defer(() => {
    const again = resting.length > RESTING ? resting.shift() : undefined;
    const chosen$ = listen({ host, port: 0 });
    // The system may have given it to another program meanwhile.
    const listener$ = again === undefined ? chosen$ : listen({ host, port: again }).pipe(catchError(() => chosen$));
    let opened: number | undefined;
    return listener$.pipe(
      tap(({ port }) => (opened = port)),
      finalize(() => {
        if (opened !== undefined) resting.push(opened);
      }),
    );
  });
