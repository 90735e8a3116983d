import {
  type Observable,
  ReplaySubject,
  type Subscription,
  catchError,
  combineLatest,
  defer,
  finalize,
  of,
  switchMap,
  take,
} from 'rxjs';
import { listenForData } from '../data-ports.ts';
import {
  type DataConnection,
  type DataOffers,
  type DataPort,
  awaitOnOwnPort,
  openDataPort,
} from './data-connections.ts';

// Long enough for transfers that follow each other, short enough for a port that is of no more use.
const AHEAD_MS = 60_000;

/**
 * A fresh port for each transfer of one session, each opened while the transfer before it begins: the client, told of it
 * then, connects to it together with its next request, which spares that one a round trip. Holds one listening port beside
 * those of running transfers, from the first transfer until a minute after the last one began, or until `close`.
 */
export class PortsAhead {
  readonly #host: string;
  readonly #deadlineMs: number;
  readonly #aheadMs: number;
  #ahead: OpenPort | undefined;

  constructor(host: string, deadlineMs: number, aheadMs = AHEAD_MS) {
    this.#host = host;
    this.#deadlineMs = deadlineMs;
    this.#aheadMs = aheadMs;
  }

  /** As `AwaitPeers`. */
  awaitPeers(count: number, announce: (offers: DataOffers) => Observable<never>): Observable<DataConnection> {
    return defer(() => {
      const here = this.#ahead ?? this.#open();
      const ahead = this.#open();
      this.#ahead = ahead;
      const expiry = setTimeout(() => this.#close(ahead), this.#aheadMs);
      ahead.whileOpen.add(() => clearTimeout(expiry));
      return combineLatest([here.port$, ahead.port$]).pipe(
        take(1),
        switchMap(([port, next]) => {
          const awaitPeers = port?.awaitPeers ?? awaitOnOwnPort(this.#host, 'ephemeral', this.#deadlineMs);
          return awaitPeers(count, (offers) => announce({ ...offers, next: next?.port }));
        }),
        finalize(() => here.whileOpen.unsubscribe()),
      );
    });
  }

  close(): void {
    this.#close(this.#ahead);
  }

  /** A transfer that waits at a port closes it itself. */
  #close(port: OpenPort | undefined): void {
    if (this.#ahead !== port) return;
    port?.whileOpen.unsubscribe();
    this.#ahead = undefined;
  }

  #open(): OpenPort {
    const port$ = new ReplaySubject<DataPort | undefined>(1);
    // Where none is to be had ahead of time, the transfer tries again when it begins, and says so if there is none then.
    const opened$ = openDataPort(listenForData(this.#host, 'ephemeral'), this.#deadlineMs).pipe(
      catchError(() => of(undefined)),
    );
    return { port$, whileOpen: opened$.subscribe(port$) };
  }
}

/** A port that is open, or will be in a moment, until its subscription ends. */
interface OpenPort {
  readonly port$: ReplaySubject<DataPort | undefined>;
  readonly whileOpen: Subscription;
}
