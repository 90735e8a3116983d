import { type MonoTypeOperatorFunction, type Observable, ReplaySubject, map, takeUntil } from 'rxjs';
import type { SluiceError } from '../../errors/errors.ts';
import type { Trailer } from './messages.ts';

/** What the peer may still say about a request while it runs, kept for whoever asks late. */
export class RunningRequest {
  readonly id: number;
  readonly #failure$ = new ReplaySubject<SluiceError>(1);
  readonly #contentFailure$ = new ReplaySubject<SluiceError>(1);
  readonly #receipt$ = new ReplaySubject<Trailer>(1);
  /** What the content of the transfer was, once all of it has passed. */
  trailer: Trailer | undefined;

  constructor(id: number) {
    this.id = id;
  }

  /** Emits what the receiver says it has got and kept. */
  get receipt$(): Observable<Trailer> {
    return this.#receipt$.asObservable();
  }

  confirm(receipt: Trailer): void {
    this.#receipt$.next(receipt);
  }

  /** Ends the request with an error from outside: the peer's abort, or the loss of the connection. */
  fail(error: SluiceError): void {
    // Content first, so that the reason goes through the whole transfer; ended from outside, it would look cancelled.
    this.#contentFailure$.next(error);
    this.#failure$.next(error);
  }

  /** Errors with what `fail` was given, before or after the subscription. */
  failing<T>(): MonoTypeOperatorFunction<T> {
    return failingWith(this.#failure$);
  }

  /** Does the same, earlier, for the content inside the request. */
  failingContent<T>(): MonoTypeOperatorFunction<T> {
    return failingWith(this.#contentFailure$);
  }
}

const failingWith = <T>(failure$: Observable<SluiceError>): MonoTypeOperatorFunction<T> =>
  takeUntil(
    failure$.pipe(
      map((error) => {
        throw error;
      }),
    ),
  );
