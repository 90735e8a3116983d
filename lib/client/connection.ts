import {
  type MonoTypeOperatorFunction,
  type Observable,
  ReplaySubject,
  Subscription,
  defer,
  finalize,
  map,
  takeUntil,
} from 'rxjs';
import type { RemoteSession } from '../dialects/dialect.ts';
import { CancelledError, ConnectionError, type SluiceError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';

/** A client's session with its server, opened anew when it was lost and somebody still needs it. */
export class Connection {
  readonly #open: () => Observable<RemoteSession>;
  readonly #ended$ = new ReplaySubject<never>(1);
  readonly #closed$ = new ReplaySubject<void>(1);
  #lifetime = new Subscription();
  #session: RemoteSession | undefined;
  #opening: Promise<RemoteSession> | undefined;
  #lost: SluiceError | undefined;
  #keepers = 0;
  #isClosed = false;

  private constructor(open: () => Observable<RemoteSession>) {
    this.#open = open;
  }

  /** The first session; `open` gives another one for each subscription, which lasts as long as that. */
  static async open(open: () => Observable<RemoteSession>): Promise<Connection> {
    const connection = new Connection(open);
    await connection.restored();
    return connection;
  }

  /** Completes when the session was left in order; errors when it is lost and nobody wants to open it again. */
  get ended$(): Observable<never> {
    return this.#ended$.asObservable();
  }

  /** Whether the session ended because this side wanted it to. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The session, which fails every command if it is lost. */
  get session(): RemoteSession {
    if (this.#session === undefined) throw wasClosed();
    return this.#session;
  }

  /** The session, after it was opened anew if it is lost; side by side callers share one attempt. */
  async restored(): Promise<RemoteSession> {
    if (this.#isClosed) throw wasClosed();
    if (this.#session !== undefined && this.#lost === undefined) return this.#session;
    this.#opening ??= this.#reopen().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /**
   * Holds the end of a lost connection back while the stream lasts, because it may restore the session. Errors with
   * `CLOSED_EARLY` when the connection is closed, also while nothing is open.
   */
  kept<T>(): MonoTypeOperatorFunction<T> {
    return (stream$) =>
      defer(() => {
        this.#keepers += 1;
        return stream$.pipe(
          takeUntil(this.#closed$.pipe(map(refuse))),
          finalize(() => {
            this.#keepers -= 1;
            this.#tellLoss();
          }),
        );
      });
  }

  /** Closes the connection at once. Harmless a second time. */
  close(): void {
    this.#isClosed = true;
    this.#lifetime.unsubscribe();
    this.#closed$.next();
  }

  #reopen(): Promise<RemoteSession> {
    this.#lifetime.unsubscribe();
    return new Promise((resolve, reject) => {
      this.#lifetime = this.#open().subscribe({
        next: (session) => {
          this.#session = session;
          this.#lost = undefined;
          this.#watch(session);
          resolve(session);
        },
        error: (error: unknown) => {
          // Told before the session's requests are, so that none of them tries to come back.
          this.#isClosed ||= error instanceof CancelledError;
          reject(error);
        },
      });
    });
  }

  #watch(session: RemoteSession): void {
    session.ended$.subscribe({
      complete: () => this.#ended$.complete(),
      error: (error: unknown) => {
        this.#lost = sluiceError(error);
        this.#tellLoss();
      },
    });
  }

  #tellLoss(): void {
    if (this.#lost !== undefined && (this.#keepers === 0 || this.#isClosed)) this.#ended$.error(this.#lost);
  }
}

const wasClosed = () => new ConnectionError('CLOSED_EARLY', 'the connection was closed');

const refuse = (): never => {
  throw wasClosed();
};
