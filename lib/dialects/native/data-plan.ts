import type { Socket } from 'node:net';
import { NEVER, Observable, ReplaySubject, map } from 'rxjs';
import { ProtocolError } from '../../errors/errors.ts';
import { type DataOffer, awaitOnOwnPort, awaitPeer } from './data-connections.ts';
import type { DataDialler } from './data-dialler.ts';
import type { Accepted } from './messages.ts';

/** How one data connection comes about. */
export interface DataPlan {
  /** What the request has to say about it. */
  readonly words: { readonly data: DataOffer } | { readonly next: true };
  /** Emits the connection once the server has accepted the request. */
  readonly connect: (accepted: Accepted) => Observable<Socket>;
}

/** A plan in which this side goes where the server says, for one request: subscribed as it is sent. */
export const planDialling = (dialler: DataDialler): Observable<DataPlan> =>
  dialler.dial$.pipe(
    map((dial) => ({
      words: { next: true as const },
      connect: ({ port, token, next }: Accepted) => {
        if (port === undefined || token === undefined) throw noPort();
        return dial({ port, token, next });
      },
    })),
  );

/** A plan in which this side listens: it lasts until it is unsubscribed, and closes a connection that nobody took. */
export const planListening = (ownAddress: string, dataMs: number): Observable<DataPlan> =>
  new Observable((subscriber) => {
    const arrived$ = new ReplaySubject<Socket>(1);
    let untaken: Socket | undefined;
    const take = () => arrived$.pipe(map((socket) => ((untaken = undefined), socket)));
    const waiting = awaitPeer(awaitOnOwnPort(ownAddress, 'ephemeral', dataMs), (data) => {
      subscriber.next({ words: { data }, connect: take });
      return NEVER;
    }).subscribe({
      next: (socket) => {
        untaken = socket;
        arrived$.next(socket);
        arrived$.complete();
      },
      error: (error: unknown) => subscriber.error(error),
    });
    return () => {
      waiting.unsubscribe();
      untaken?.destroy();
    };
  });

export const noPort = () => new ProtocolError('MESSAGE_INVALID', 'the server named no data port');
