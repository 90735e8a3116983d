import type { Socket } from 'node:net';
import {
  BehaviorSubject,
  EMPTY,
  type Observable,
  ReplaySubject,
  Subject,
  catchError,
  concat,
  defer,
  endWith,
  exhaustMap,
  filter,
  finalize,
  from,
  ignoreElements,
  merge,
  mergeMap,
  race,
  switchMap,
  takeUntil,
  takeWhile,
  tap,
  timer,
} from 'rxjs';
import type { ServerDialect, SessionHost } from '../dialects/dialect.ts';
import type { Session } from '../dialects/session.ts';
import { ConnectionError, type SluiceError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';
import { plainAddress } from '../net/address.ts';
import { whenAborted } from '../operators/until-aborted.ts';
import { Locks } from '../session/locks.ts';
import { reportCommand } from '../session/command-report.ts';
import { SessionCore } from '../session/session-core.ts';
import { TransferPlaces } from '../session/transfer-places.ts';
import { LocalFolderStore } from '../store/local-folder.ts';
import type { Store } from '../store/store.ts';
import { Admission } from './admission.ts';
import type { ServerEvent } from './events.ts';
import { type OpenPort, openPorts } from './open-ports.ts';
import { type CheckedServeOptions, type ServeOptions, checkServeOptions } from './options.ts';

/**
 * A server for a folder or another store, running while it is subscribed.
 *
 * Emits what happens on it, first `listening` for each of its ports. Cold: each subscription is a server of its own.
 * Completes only after `stop` was aborted and what ran has ended or `graceMs` is over. Errors with `OPTION_INVALID`,
 * `NOT_FOUND` (no such folder), `PERMISSION_DENIED` (it cannot be read) or `LISTEN_FAILED`; what happens in one session
 * never ends another. Unsubscribing closes every connection at once; files that were on their way are discarded. Holds
 * about 20 KB a session, twice that where as many have just left, and at most 6 MiB a transfer.
 *
 * @example serve({ root: './files', port: 1234 }).subscribe((event) => logger.info(event))
 */
export const serve = (options: ServeOptions): Observable<ServerEvent> =>
  defer(async () => {
    const checked = checkServeOptions(options);
    return { checked, store: await storeOf(checked) };
  }).pipe(
    mergeMap(({ checked, store }) =>
      openPorts(checked).pipe(
        // The ports last as long as their subscription, so the end of the server has to end that too.
        switchMap((ports) => new RunningServer(checked, store, ports).run().pipe(endWith(STOPPED))),
        takeWhile((event) => event.type !== 'stopped'),
      ),
    ),
  );

// Connections beyond the sessions that may be at the door at a time: data connections of running sessions, where they
// come to the same port, and whoever is to be told that there is no place.
const NEWCOMERS = 256;

const DAY_MS = 24 * 60 * 60_000;

const STOPPED = { type: 'stopped' } as const;

class RunningServer {
  readonly #options: CheckedServeOptions;
  readonly #store: Store;
  readonly #ports: readonly OpenPort[];
  readonly #door: Admission;
  readonly #places: Admission;
  readonly #locks = new Locks();
  readonly #transferPlaces: TransferPlaces;
  readonly #event$ = new Subject<ServerEvent>();
  readonly #connections$ = new BehaviorSubject(0);
  readonly #stopping$ = new ReplaySubject<void>(1);
  #isStopping = false;
  #sessions = 0;

  constructor(options: CheckedServeOptions, store: Store, ports: readonly OpenPort[]) {
    const { maxSessions, maxSessionsPerAddress, maxTransfersInAll } = options;
    this.#options = options;
    this.#store = store;
    this.#ports = ports;
    this.#door = new Admission({ total: maxSessions + NEWCOMERS, perAddress: maxSessionsPerAddress + NEWCOMERS });
    this.#places = new Admission({ total: maxSessions, perAddress: maxSessionsPerAddress });
    this.#transferPlaces = new TransferPlaces(maxTransfersInAll);
  }

  /** Everything that happens until the server has stopped. */
  run(): Observable<ServerEvent> {
    const listening = this.#ports.map(({ dialect, listener: { host, port } }) => {
      return { type: 'listening', dialect, host, port } as const;
    });
    return merge(
      this.#event$,
      listening,
      concat(
        merge(this.#expireParts(), ...this.#ports.map((port) => this.#serveOn(port))).pipe(takeUntil(this.#stopped())),
        // Only now, because the connections that were cut off have told how they ended.
        defer(() => (this.#event$.complete(), EMPTY)),
      ),
    );
  }

  #serveOn({ listener, speaker }: OpenPort): Observable<never> {
    // Connections are counted at the door, so that there are never more of these than the limits say.
    return listener.socket$.pipe(mergeMap((socket) => this.#admit(socket, speaker)));
  }

  /** Removes, now and every day, what transfers that nobody took up again have left. */
  #expireParts(): Observable<never> {
    const expire = async (): Promise<void> => this.#store.expireParts?.(this.#options.keepPartsMs);
    return timer(0, DAY_MS).pipe(
      exhaustMap(() => from(expire()).pipe(catchError(() => EMPTY))),
      ignoreElements(),
    );
  }

  #stopped(): Observable<unknown> {
    const { stop, graceMs } = this.#options;
    return whenAborted(stop).pipe(
      tap(() => {
        this.#isStopping = true;
        // A port that data connections come to as well has to stay open for the transfers that still run.
        for (const { listener, speaker } of this.#ports) if (!speaker.takesData) listener.stopAccepting();
        this.#event$.next({ type: 'stopping' });
        this.#stopping$.next();
      }),
      switchMap(() => race(this.#connections$.pipe(filter((count) => count === 0)), timer(graceMs))),
    );
  }

  #admit(socket: Socket, speaker: ServerDialect): Observable<never> {
    const address = plainAddress(socket.remoteAddress ?? '');
    const turnAway = (error: unknown) => this.#event$.next({ type: 'turned-away', address, error: sluiceError(error) });
    let leave: () => void;
    try {
      leave = this.#door.enter(address);
    } catch (error) {
      speaker.refuse(socket, sluiceError(error));
      turnAway(error);
      return EMPTY;
    }
    this.#connections$.next(this.#connections$.value + 1);
    let opened = false;
    const host: SessionHost = {
      stopping$: this.#stopping$,
      withSession: (use) =>
        this.#withSession(address, (session) => {
          opened = true;
          return use(session);
        }),
    };
    return speaker.converse(socket, host).pipe(
      catchError((error: unknown) => {
        if (!opened) turnAway(error);
        return EMPTY;
      }),
      finalize(() => {
        leave();
        this.#connections$.next(this.#connections$.value - 1);
      }),
    );
  }

  #withSession<T>(address: string, use: (session: Session) => Observable<T>): Observable<T> {
    return defer(() => {
      this.#assertNotStopping();
      const leave = this.#places.enter(address);
      const session = (this.#sessions += 1);
      const start = performance.now();
      let error: SluiceError | undefined;
      const core = this.#sessionCore(session, address);
      this.#event$.next({ type: 'session-opened', session, address });
      const guarded: Session = {
        execute: (command) =>
          defer(() => {
            this.#assertNotStopping();
            return core.execute(command);
          }).pipe(
            reportCommand(command, (report) => this.#event$.next({ type: 'command', session, address, ...report })),
          ),
      };
      return defer(() => use(guarded)).pipe(
        tap({ error: (reason: unknown) => (error = sluiceError(reason)) }),
        finalize(() => {
          leave();
          const seconds = (performance.now() - start) / 1000;
          this.#event$.next({ type: 'session-closed', session, address, seconds, ...(error && { error }) });
        }),
      );
    });
  }

  #sessionCore(session: number, address: string): SessionCore {
    const { readOnly, maxTransfers } = this.#options;
    return new SessionCore({
      store: this.#store,
      locks: this.#locks,
      readOnly,
      maxTransfers,
      places: this.#transferPlaces,
      owner: address,
      onTransfer: (report) => this.#event$.next({ type: 'transfer', session, address, ...report }),
    });
  }

  #assertNotStopping(): void {
    if (this.#isStopping) throw new ConnectionError('SERVER_STOPPING', 'the server is stopping and begins nothing new');
  }
}

const storeOf = async ({ root, store }: CheckedServeOptions): Promise<Store> => {
  if (store !== undefined) return store;
  const folder = await LocalFolderStore.open(root ?? '.');
  await folder.assertReadable();
  return folder;
};
