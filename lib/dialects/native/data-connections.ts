import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  BehaviorSubject,
  type MonoTypeOperatorFunction,
  Observable,
  defer,
  filter,
  finalize,
  ignoreElements,
  merge,
  mergeMap,
  of,
  switchMap,
  take,
  tap,
  throwError,
  timeout,
} from 'rxjs';
import { TimeoutError } from '../../errors/errors.ts';
import { connect } from '../../net/connect.ts';
import { listen } from '../../net/listen.ts';
import { takeFrame } from '../../net/take-frame.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import { TOKEN_LENGTH, newToken, sameToken } from '../../protocol/token.ts';
import { type DataPorts, listenForData } from '../data-ports.ts';

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

/** Connections on one port that may be without a token at a time; beyond it the one that waits longest is dropped. */
const MAX_STRANGERS = 64;

/** A fresh listener for each data connection, closed as soon as the peer is there. */
export const awaitOnOwnPort =
  (host: string, ports: Exclude<DataPorts, 'same'>, deadlineMs: number): AwaitPeer =>
  (announce) => {
    const token = newToken();
    const isPeer = (shown: string) => sameToken(shown, token);
    return listenForData(host, ports).pipe(
      switchMap((listener) =>
        merge(announce({ port: listener.port, token }), listener.socket$.pipe(admitPeers(isPeer, deadlineMs))),
      ),
      take(1),
      withDeadline(deadlineMs),
    );
  };

/**
 * One port for the data connections of all transfers, open as long as it is subscribed. Emits once how a transfer waits
 * for its peer there. Errors with `LISTEN_FAILED`. Connections that were handed to their transfers outlive the port.
 */
export const awaitOnOnePort = (host: string, port: number, deadlineMs: number): Observable<AwaitPeer> =>
  listen({ host, port }).pipe(
    switchMap((listener) => {
      const transfers = new SharedPort();
      const deliver = (token: string, socket: Socket) => transfers.deliver(token, socket);
      return merge(
        listener.socket$.pipe(admitPeers(deliver, deadlineMs), ignoreElements()),
        of(transfers.awaitOn(port, deadlineMs)),
      );
    }),
  );

/** The waiting transfers of a port that is not theirs alone. */
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
  defer(() => connect({ host, port, timeoutMs: deadlineMs })).pipe(tap((socket) => showToken(socket, token)));

/** Says on a fresh connection which transfer it is for. */
export const showToken = (socket: Socket, token: string): void => {
  socket.write(encodeFrame(Buffer.from(token)));
};

/** Whether a connection's first frame is a token, so that the connection is one for data. */
export const isToken = (payload: Buffer): boolean =>
  payload.length === TOKEN_LENGTH && /^[0-9a-f]+$/.test(payload.toString('latin1'));

/** Lets connections through whose token is claimed, whoever else knocks meanwhile. */
const admitPeers = (claim: Claim, deadlineMs: number): MonoTypeOperatorFunction<Socket> => {
  const strangers = new Set<Socket>();
  return mergeMap((socket) => {
    const [oldest] = strangers;
    // The newcomer may be the rightful peer, who shows its token at once; whoever has not done so yet is not.
    if (oldest !== undefined && strangers.size >= MAX_STRANGERS) {
      strangers.delete(oldest);
      oldest.destroy();
    }
    strangers.add(socket);
    return identify(socket, claim, deadlineMs).pipe(finalize(() => strangers.delete(socket)));
  });
};

/** Whether somebody waits for the bearer of a token; who says yes has the socket from then on. */
type Claim = (token: string, socket: Socket) => boolean;

/** Emits the socket if its token is claimed; closes it quietly if it is not. */
const identify = (socket: Socket, claim: Claim, deadlineMs: number): Observable<Socket> =>
  new Observable<Socket>((subscriber) => {
    let known = false;
    const first = takeFrame(socket, TOKEN_LENGTH)
      .pipe(timeout({ first: deadlineMs }))
      .subscribe({
        next: (payload) => {
          known = claim(payload.toString('latin1'), socket);
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

const withDeadline = (deadlineMs: number): MonoTypeOperatorFunction<Socket> =>
  timeout({
    first: deadlineMs,
    with: () =>
      throwError(() => new TimeoutError('DATA_TIMEOUT', `no data connection came within ${deadlineMs / 1000} s`)),
  });

const fingerprint = (token: string): string => createHash('sha256').update(token).digest('base64');
