import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  BehaviorSubject,
  type MonoTypeOperatorFunction,
  Observable,
  catchError,
  defer,
  filter,
  finalize,
  merge,
  mergeMap,
  of,
  switchMap,
  take,
  throwError,
  timeout,
} from 'rxjs';
import { ConnectionError, LimitError, TimeoutError } from '../../errors/errors.ts';
import { connect } from '../../net/connect.ts';
import { type Listener, listen } from '../../net/listen.ts';
import { takeFrame } from '../../net/take-frame.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import { TOKEN_LENGTH, newToken, sameToken } from '../../protocol/token.ts';

/** Where the other side shall connect to, and the secret that proves it is the other side. */
export interface DataOffer {
  readonly port: number;
  readonly token: string;
}

/**
 * Makes one data connection by waiting for the peer: `announce` tells it the offer. Emits the socket, paused behind its
 * token, and completes; from then on it is the taker's. Errors with `DATA_TIMEOUT` or `LISTEN_FAILED`. Strangers are
 * turned away without disturbing the wait.
 */
export type AwaitPeer = (announce: (offer: DataOffer) => Observable<never>) => Observable<Socket>;

/** Which ports a side listens on for data: any free one, one of a range, or the port of its control connections. */
export type DataPorts = 'ephemeral' | 'same' | { readonly from: number; readonly to: number };

/** Connections on one port that may be without a token at a time; beyond it the one that waits longest is dropped. */
const MAX_STRANGERS = 64;

/** A fresh listener for each data connection, closed as soon as the peer is there. */
export const awaitOnOwnPort =
  (host: string, ports: Exclude<DataPorts, 'same'>, deadlineMs: number): AwaitPeer =>
  (announce) => {
    const token = newToken();
    return listenOn(host, ports).pipe(
      switchMap((listener) =>
        merge(announce({ port: listener.port, token }), listener.socket$.pipe(admitPeer(token, deadlineMs))),
      ),
      take(1),
      withDeadline(deadlineMs),
    );
  };

/** The waiting transfers of a port that control and data connections share. */
export class SharedPort {
  // Looked up by digest, so that the time of a look-up tells nothing about a token that is nearly right.
  readonly #waiting = new Map<string, (socket: Socket) => void>();
  readonly #waitingCount$ = new BehaviorSubject(0);

  /** Emits whenever no transfer waits for its peer. */
  get idle$(): Observable<number> {
    return this.#waitingCount$.pipe(filter((count) => count === 0));
  }

  /** Waits for the peer of one transfer; `port` is the one that everybody connects to. */
  awaitOn(port: number, deadlineMs: number): AwaitPeer {
    return (announce) =>
      defer(() => {
        const token = newToken();
        return merge(announce({ port, token }), this.#expect(token)).pipe(take(1), withDeadline(deadlineMs));
      });
  }

  /** Hands a connection that came with a token to the transfer that waits for it; false if none does. */
  deliver(token: string, socket: Socket): boolean {
    const take = this.#waiting.get(fingerprint(token));
    take?.(socket);
    return take !== undefined;
  }

  #expect(token: string): Observable<Socket> {
    return new Observable((subscriber) => {
      const key = fingerprint(token);
      this.#waiting.set(key, (socket) => subscriber.next(socket));
      this.#waitingCount$.next(this.#waiting.size);
      return () => {
        this.#waiting.delete(key);
        this.#waitingCount$.next(this.#waiting.size);
      };
    });
  }
}

/** Makes one data connection by going to where the peer waits, and shows it the token. */
export const connectData = (host: string, { port, token }: DataOffer, deadlineMs: number): Observable<Socket> =>
  defer(() => connect({ host, port, timeoutMs: deadlineMs })).pipe(
    mergeMap((socket) => {
      socket.write(encodeFrame(Buffer.from(token)));
      return of(socket);
    }),
  );

/** Whether a connection's first frame is a token, so that the connection is one for data. */
export const isToken = (payload: Buffer): boolean =>
  payload.length === TOKEN_LENGTH && /^[0-9a-f]+$/.test(payload.toString('latin1'));

/** Lets the one with the right token through, whoever else knocks meanwhile. */
const admitPeer = (token: string, deadlineMs: number): MonoTypeOperatorFunction<Socket> => {
  const strangers = new Set<Socket>();
  return mergeMap((socket) => {
    const [oldest] = strangers;
    // The newcomer may be the rightful peer, who shows its token at once; whoever has not done so yet is not.
    if (oldest !== undefined && strangers.size >= MAX_STRANGERS) {
      strangers.delete(oldest);
      oldest.destroy();
    }
    strangers.add(socket);
    return identify(socket, token, deadlineMs).pipe(finalize(() => strangers.delete(socket)));
  });
};

/** Emits the socket if it shows the right token; closes it quietly if it does not. */
const identify = (socket: Socket, token: string, deadlineMs: number): Observable<Socket> =>
  new Observable<Socket>((subscriber) => {
    let known = false;
    const first = takeFrame(socket, TOKEN_LENGTH)
      .pipe(timeout({ first: deadlineMs }))
      .subscribe({
        next: (payload) => {
          known = sameToken(payload.toString('latin1'), token);
          if (known) subscriber.next(socket);
        },
        error: () => subscriber.complete(),
        complete: () => subscriber.complete(),
      });
    return () => {
      first.unsubscribe();
      if (!known) socket.destroy();
    };
  });

const listenOn = (host: string, ports: Exclude<DataPorts, 'same'>): Observable<Listener> =>
  ports === 'ephemeral' ? listen({ host, port: 0 }) : listenInRange(host, ports.from, ports.to, ports.from);

/** The first port of a range that is free, from `port` on. */
const listenInRange = (host: string, from: number, to: number, port: number): Observable<Listener> =>
  port > to
    ? throwError(() => new LimitError('LISTEN_FAILED', `every data port from ${from} to ${to} is in use`))
    : listen({ host, port }).pipe(
        catchError((error: unknown) =>
          error instanceof ConnectionError ? listenInRange(host, from, to, port + 1) : throwError(() => error),
        ),
      );

const withDeadline = (deadlineMs: number): MonoTypeOperatorFunction<Socket> =>
  timeout({
    first: deadlineMs,
    with: () =>
      throwError(() => new TimeoutError('DATA_TIMEOUT', `no data connection came within ${deadlineMs / 1000} s`)),
  });

const fingerprint = (token: string): string => createHash('sha256').update(token).digest('base64');
