import type { Socket } from 'node:net';
import {
  BehaviorSubject,
  EMPTY,
  Observable,
  Subject,
  Subscription,
  catchError,
  concat,
  defer,
  endWith,
  exhaustMap,
  filter,
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
import type { SluiceError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';
import { plainAddress } from '../net/address.ts';
import { whenAborted } from '../operators/until-aborted.ts';
import { Locks } from '../session/locks.ts';
import { TransferPlaces } from '../session/transfer-places.ts';
import { LocalFolderStore } from '../store/local-folder.ts';
import type { Store } from '../store/store.ts';
import { Admission } from './admission.ts';
import type { ServerEvent } from './events.ts';
import { type OpenPort, openPorts } from './open-ports.ts';
import { type CheckedServeOptions, type ServeOptions, checkServeOptions } from './options.ts';
import { type ServedSession, Sessions } from './sessions.ts';

/**
 * A server for a folder or another store, running while it is subscribed.
 *
 * Emits what happens on it, first `listening` for each of its ports. Cold: each subscription is a server of its own.
 * Completes only after `stop` was aborted and what ran has ended or `graceMs` is over. Errors with `OPTION_INVALID`,
 * `NOT_FOUND` (no such folder), `PERMISSION_DENIED` (it cannot be read) or `LISTEN_FAILED`; what happens in one session
 * never ends another. Unsubscribing closes every connection at once; files that were on their way are discarded. Holds
 * about 12 KB a session, half as much again where as many have just left, and at most 5 MiB a transfer.
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
  readonly #sessions: Sessions;
  readonly #event$ = new Subject<ServerEvent>();
  readonly #connections$ = new BehaviorSubject(0);

  constructor(options: CheckedServeOptions, store: Store, ports: readonly OpenPort[]) {
    const { maxSessions, maxSessionsPerAddress, maxTransfers, maxTransfersInAll, readOnly } = options;
    this.#options = options;
    this.#store = store;
    this.#ports = ports;
    this.#door = new Admission({ total: maxSessions + NEWCOMERS, perAddress: maxSessionsPerAddress + NEWCOMERS });
    this.#sessions = new Sessions({
      limits: { total: maxSessions, perAddress: maxSessionsPerAddress },
      services: { store, locks: new Locks(), readOnly, maxTransfers, places: new TransferPlaces(maxTransfersInAll) },
      tell: (event) => this.#event$.next(event),
    });
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
    return new Observable((subscriber) =>
      listener.socket$.subscribe({
        // Connections are counted at the door, so that there are never more of these than the limits say.
        next: (socket) => subscriber.add(this.#admit(socket, speaker)),
        error: (error: unknown) => subscriber.error(error),
      }),
    );
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
        this.#sessions.stop();
        // A port that data connections come to as well has to stay open for the transfers that still run.
        for (const { listener, speaker } of this.#ports) if (!speaker.takesData) listener.stopAccepting();
        this.#event$.next({ type: 'stopping' });
        for (const { speaker } of this.#ports) speaker.stop();
      }),
      switchMap(() => race(this.#connections$.pipe(filter((count) => count === 0)), timer(graceMs))),
    );
  }

  #admit(socket: Socket, speaker: ServerDialect): Subscription {
    const address = plainAddress(socket.remoteAddress ?? '');
    try {
      this.#door.enter(address);
    } catch (error) {
      const reason = sluiceError(error);
      speaker.refuse(socket, reason);
      this.#turnedAway(address, reason);
      return Subscription.EMPTY;
    }
    this.#connections$.next(this.#connections$.value + 1);
    const visit = new Visit(address, this.#sessions);
    const conversation = speaker.converse(socket, visit).subscribe(visit);
    // Behind it, because what is cut off with it tells first how it ended.
    conversation.add(() => {
      const { session, failure } = visit;
      this.#door.leave(address);
      if (session !== undefined) session.close(failure);
      else if (failure !== undefined) this.#turnedAway(address, failure);
      this.#connections$.next(this.#connections$.value - 1);
    });
    return conversation;
  }

  #turnedAway(address: string, error: SluiceError): void {
    this.#event$.next({ type: 'turned-away', address, error });
  }
}

/** One accepted connection, and what comes of it: what happens on one ends no other. */
class Visit implements SessionHost {
  readonly #address: string;
  readonly #sessions: Sessions;
  session: ServedSession | undefined;
  failure: SluiceError | undefined;

  constructor(address: string, sessions: Sessions) {
    this.#address = address;
    this.#sessions = sessions;
  }

  withSession<T>(use: (session: Session) => Observable<T>): Observable<T> {
    return defer(() => {
      this.session = this.#sessions.open(this.#address);
      return use(this.session);
    });
  }

  /** Takes note of what ended the conversation, as its observer. */
  error(error: unknown): void {
    this.failure = sluiceError(error);
  }
}

const storeOf = async ({ root, store }: CheckedServeOptions): Promise<Store> => {
  if (store !== undefined) return store;
  const folder = await LocalFolderStore.open(root ?? '.');
  await folder.assertReadable();
  return folder;
};
