import { EMPTY, Observable, Subject, defer, first, ignoreElements } from 'rxjs';
import { ProtocolError, type SluiceError, TimeoutError } from '../../errors/errors.ts';
import type { RunningRequest } from './running-request.ts';

/** The requests of one session that are worked on. */
export class RunningRequests {
  readonly #byId = new Map<number, RunningRequest>();
  /** There once somebody waits for the last of them. */
  #end$: Subject<void> | undefined;
  #idleSince = performance.now();

  /** Throws `STATE_UNEXPECTED` where the id is in use. */
  assertFree(id: number): void {
    if (this.#byId.has(id)) throw new ProtocolError('STATE_UNEXPECTED', `a request with id ${id} is running already`);
  }

  get(id: number): RunningRequest | undefined {
    return this.#byId.get(id);
  }

  begin(running: RunningRequest): void {
    this.#byId.set(running.id, running);
  }

  end({ id }: RunningRequest): void {
    this.#byId.delete(id);
    this.#idleSince = performance.now();
    this.#end$?.next();
  }

  failAll(error: SluiceError): void {
    for (const running of this.#byId.values()) running.fail(error);
  }

  /** Never emits; completes as soon as nothing runs. */
  get settled$(): Observable<never> {
    return defer(() => {
      if (this.#byId.size === 0) return EMPTY;
      this.#end$ ??= new Subject();
      return this.#end$.pipe(
        first(() => this.#byId.size === 0),
        ignoreElements(),
      );
    });
  }

  /** Never emits; errors with `IDLE_TIMEOUT` when nothing has run for so long. One timer a subscription. */
  idleLimit(idleMs: number): Observable<never> {
    return new Observable((subscriber) => {
      const look = () => {
        const leftMs = this.#byId.size > 0 ? idleMs : this.#idleSince + idleMs - performance.now();
        if (leftMs > 0) clock = setTimeout(look, leftMs);
        else subscriber.error(new TimeoutError('IDLE_TIMEOUT', `the session was idle for ${idleMs / 1000} s`));
      };
      let clock = setTimeout(look, idleMs);
      return () => clearTimeout(clock);
    });
  }
}
