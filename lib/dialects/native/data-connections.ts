import type { Socket } from 'node:net';
import {
  BehaviorSubject,
  type MonoTypeOperatorFunction,
  Observable,
  type OperatorFunction,
  defer,
  filter,
  finalize,
  map,
  merge,
  mergeMap,
  of,
  switchMap,
  take,
  takeUntil,
  tap,
  timeout,
  timer,
} from 'rxjs';
import { TimeoutError } from '../../errors/errors.ts';
import { connect } from '../../net/connect.ts';
import type { Listener } from '../../net/listen.ts';
import { takeFrame } from '../../net/take-frame.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import { TOKEN_LENGTH, newToken, tokenKey } from '../../protocol/token.ts';
import { type DataPorts, listenForData } from '../data-ports.ts';

/** Where the other side shall connect to. */
interface OfferedPort {
  readonly port: number;
  /** Where the connection of the next transfer will probably be waited for. */
  readonly next?: number | undefined;
}

/** The same with the secret that proves it is the other side. */
export interface DataOffer extends OfferedPort {
  readonly token: string;
}

/** The same for several connections of one transfer to one port, which their tokens tell apart. */
export interface DataOffers extends OfferedPort {
  readonly tokens: readonly string[];
}

/** A port where transfers wait for their peers. */
export interface DataPort {
  readonly port: number;
  readonly awaitPeers: AwaitPeers;
}

/** A data connection that was offered, and which of them it is. */
export interface DataConnection {
  readonly index: number;
  readonly socket: Socket;
}

/**
 * Makes so many data connections by waiting for the peer: `announce` tells it the offers. Emits each socket, paused behind
 * its token, and completes with the last; from then on they are the taker's. Errors with `DATA_TIMEOUT` or `LISTEN_FAILED`.
 * Strangers are turned away without disturbing the wait.
 */
export type AwaitPeers = (
  count: number,
  announce: (offers: DataOffers) => Observable<never>,
) => Observable<DataConnection>;

/** The same for a single one. */
export const awaitPeer = (
  awaitPeers: AwaitPeers,
  announce: (offer: DataOffer) => Observable<never>,
): Observable<Socket> =>
  awaitPeers(1, ({ tokens: [token = ''], ...where }) => announce({ ...where, token })).pipe(
    map(({ socket }) => socket),
  );

/** Connections on one port that may be without a token at a time; beyond it the one that waits longest is dropped. */
const MAX_STRANGERS = 64;

/** A fresh port for each transfer, closed as soon as its peers are there. */
export const awaitOnOwnPort =
  (host: string, ports: Exclude<DataPorts, 'same'>, deadlineMs: number): AwaitPeers =>
  (count, announce) =>
    openDataPort(listenForData(host, ports), deadlineMs).pipe(
      switchMap(({ awaitPeers }) => awaitPeers(count, announce)),
      take(count),
    );

/**
 * A port for the data connections of any number of transfers, open as long as it is subscribed. Emits it once. Errors as
 * its listener does. Connections that were handed to their transfers outlive the port.
 */
export const openDataPort = (listener$: Observable<Listener>, deadlineMs: number): Observable<DataPort> =>
  listener$.pipe(
    switchMap(({ port, socket$ }) => {
      const transfers = new SharedPort();
      return merge(
        socket$.pipe(deliverTo(transfers, deadlineMs)),
        of({ port, awaitPeers: transfers.awaitOn(port, deadlineMs) }),
      );
    }),
  );

/** The waiting transfers of a port that is not theirs alone. */
export class SharedPort {
  readonly #waiting = new Map<string, (socket: Socket) => void>();
  readonly #waitingCount$ = new BehaviorSubject(0);

  /** Emits whenever no transfer waits for its peer. */
  get idle$(): Observable<number> {
    return this.#waitingCount$.pipe(filter((count) => count === 0));
  }

  /** Waits for the peer of one transfer; `port` is the one that everybody connects to. */
  awaitOn(port: number, deadlineMs: number): AwaitPeers {
    return (count, announce) =>
      defer(() => {
        const tokens = newTokens(count);
        const expected = tokens.map((token, index) =>
          this.#expect(token).pipe(map((socket): DataConnection => ({ index, socket }))),
        );
        return merge(announce({ port, tokens }), ...expected).pipe(take(count), withDeadline(deadlineMs));
      });
  }

  /** Hands a connection that came with a token to the transfer that waits for it; false if none does. */
  deliver(token: string, socket: Socket): boolean {
    const take = this.#waiting.get(tokenKey(token));
    take?.(socket);
    return take !== undefined;
  }

  #expect(token: string): Observable<Socket> {
    return new Observable((subscriber) => {
      const key = tokenKey(token);
      const stopWaiting = () => {
        this.#waiting.delete(key);
        this.#waitingCount$.next(this.#waiting.size);
      };
      this.#waiting.set(key, (socket) => {
        stopWaiting();
        subscriber.next(socket);
        subscriber.complete();
      });
      this.#waitingCount$.next(this.#waiting.size);
      return stopWaiting;
    });
  }
}

/** Makes one data connection by going to where the peer waits, and shows it the token. */
export const connectData = (host: string, { port, token }: DataOffer, deadlineMs: number): Observable<Socket> =>
  defer(() => connect({ host, port, timeoutMs: deadlineMs })).pipe(tap((socket) => showToken(socket, token)));

/** Says on a fresh connection which transfer it is for. */
export const showToken = (socket: Socket, token: string): void => {
  socket.write(encodeFrame(token));
};

/** Whether a connection's first frame is a token, so that the connection is one for data. */
export const isToken = (payload: Buffer): boolean =>
  payload.length === TOKEN_LENGTH && /^[0-9a-f]+$/.test(payload.toString('latin1'));

/** Hands connections to the transfers that wait for their tokens, whoever else knocks meanwhile. */
const deliverTo = (transfers: SharedPort, deadlineMs: number): OperatorFunction<Socket, never> => {
  const strangers = new Set<Socket>();
  return mergeMap((socket) => {
    const [oldest] = strangers;
    // The newcomer may be the rightful peer, who shows its token at once; whoever has not done so yet is not.
    if (oldest !== undefined && strangers.size >= MAX_STRANGERS) {
      strangers.delete(oldest);
      oldest.destroy();
    }
    strangers.add(socket);
    return identify(socket, transfers, deadlineMs).pipe(finalize(() => strangers.delete(socket)));
  });
};

/** Hands one connection over by its token; closes it quietly if nobody waits for that, or none comes in time. */
const identify = (socket: Socket, transfers: SharedPort, deadlineMs: number): Observable<never> =>
  new Observable((subscriber) => {
    let hasShown = false;
    const first = takeFrame(socket, TOKEN_LENGTH)
      .pipe(timeout({ first: deadlineMs }))
      .subscribe({
        next: (payload) => {
          // Whose it is may end this wait at once, and the socket is theirs by then.
          hasShown = true;
          if (!transfers.deliver(payload.toString('latin1'), socket)) socket.destroy();
        },
        error: () => subscriber.complete(),
        complete: () => subscriber.complete(),
      });
    return () => {
      first.unsubscribe();
      if (!hasShown) socket.destroy();
    };
  });

/** For the last of them as for the first: who has come does not give the others more time. */
const withDeadline = (deadlineMs: number): MonoTypeOperatorFunction<DataConnection> =>
  takeUntil(
    timer(deadlineMs).pipe(
      map(() => {
        throw new TimeoutError('DATA_TIMEOUT', `no data connection came within ${deadlineMs / 1000} s`);
      }),
    ),
  );

const newTokens = (count: number): string[] => Array.from({ length: count }, newToken);
