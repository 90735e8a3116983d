import type { Socket } from 'node:net';
import { EMPTY, Observable, ReplaySubject, catchError, concat, defer, filter, take, tap } from 'rxjs';
import { connect } from '../../net/connect.ts';
import { type DataOffer, connectData, showToken } from './data-connections.ts';

/** Makes the connection that the server has offered. */
export type Dial = (offer: DataOffer) => Observable<Socket>;

/**
 * Makes the data connections of one session's transfers. Where the next port is known, a connection is begun there together
 * with the request: when the offer comes, only the token is still to be shown, and a round trip is spared. It is known if
 * the server told it with its last offer, or offered the same port twice and so has one for all transfers.
 */
export class DataDialler {
  readonly #host: string;
  readonly #deadlineMs: number;
  #lastPort: number | undefined;
  #nextPort: number | undefined;

  /** For the server at `host`; a connection is waited for no longer than `deadlineMs`. */
  constructor(host: string, deadlineMs: number) {
    this.#host = host;
    this.#deadlineMs = deadlineMs;
  }

  /** For one request, subscribed as it is sent: emits once how its offer is answered. Ending it closes what was not taken. */
  get dial$(): Observable<Dial> {
    return new Observable((subscriber) => {
      const port = this.#nextPort;
      const early$ = new ReplaySubject<Socket>(1);
      let untaken: Socket | undefined;
      const beginning = this.#connectEarly(port).subscribe({
        next: (socket) => early$.next((untaken = socket)),
        error: (error: unknown) => subscriber.error(error),
        complete: () => early$.complete(),
      });
      subscriber.add(beginning);
      subscriber.add(() => untaken?.destroy());
      const takeEarly = (token: string) =>
        early$.pipe(
          // What the other side has closed meanwhile is of no use.
          filter((socket) => socket.writable && !socket.readableEnded),
          tap((socket) => {
            untaken = undefined;
            showToken(socket, token);
          }),
        );
      subscriber.next((offer) => {
        this.#nextPort = offer.next ?? (offer.port === this.#lastPort ? offer.port : undefined);
        this.#lastPort = offer.port;
        const fresh$ = connectData(this.#host, offer, this.#deadlineMs);
        if (offer.port === port) return concat(takeEarly(offer.token), fresh$).pipe(take(1));
        beginning.unsubscribe();
        return fresh$;
      });
    });
  }

  /** Fails quietly: when the server offers that port again, it is tried again. */
  #connectEarly(port: number | undefined): Observable<Socket> {
    if (port === undefined) return EMPTY;
    return defer(() => connect({ host: this.#host, port, timeoutMs: this.#deadlineMs })).pipe(catchError(() => EMPTY));
  }
}
