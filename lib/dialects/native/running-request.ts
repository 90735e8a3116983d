import { type MonoTypeOperatorFunction, type Observable, ReplaySubject, Subject, map, takeUntil, tap } from 'rxjs';
import type { SluiceError } from '../../errors/errors.ts';
import type { ContentProof } from './messages.ts';
import type { TransferPulse } from './transfer-pulse.ts';

/** What the peer may still say about a request while it runs, kept for whoever asks late. */
export class RunningRequest {
  readonly id: number;
  readonly #newPulse: () => TransferPulse;
  #pulse: TransferPulse | undefined;
  readonly #failure$ = new ReplaySubject<SluiceError>(1);
  readonly #contentFailure$ = new Subject<SluiceError>();
  readonly #receipt$ = new ReplaySubject<ContentProof>(1);
  #isFailing = false;
  #isGivenUp = false;
  /** What the content of the transfer was, once all of it has passed. */
  proof: ContentProof | undefined;

  constructor(id: number, newPulse: () => TransferPulse) {
    this.id = id;
    this.#newPulse = newPulse;
  }

  /** Of its content; made when it is asked for, because only transfers have any. */
  get pulse(): TransferPulse {
    return (this.#pulse ??= this.#newPulse());
  }

  /** Whether it was ended from outside, and may still have something to let go of. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Emits what the receiver says it has got and kept. */
  get receipt$(): Observable<ContentProof> {
    return this.#receipt$.asObservable();
  }

  confirm(receipt: ContentProof): void {
    this.#receipt$.next(receipt);
  }

  /** Ends the request with an error from outside: the peer's abort, or the loss of the connection. */
  fail(error: SluiceError): void {
    this.#isGivenUp = true;
    // The content has its reason already, and what comes after it must not cut short what that one has to close.
    if (this.#isFailing) return;
    // Where content runs, the reason goes through the whole transfer; ended from outside, it would look cancelled.
    if (this.#contentFailure$.observed) {
      this.#contentFailure$.next(error);
    } else this.#failure$.next(error);
  }

  /** Errors with what `fail` is given, before or after the subscription, unless the content does. */
  failing<T>(): MonoTypeOperatorFunction<T> {
    return failingWith(this.#failure$);
  }

  /** Errors with what `fail` is given while the content inside the request runs. */
  failingContent<T>(): MonoTypeOperatorFunction<T> {
    return (content$) =>
      content$.pipe(failingWith(this.#contentFailure$), tap({ error: () => (this.#isFailing = true) }));
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
