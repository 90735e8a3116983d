import { Observable, Subject, defer, map, race, take, timer } from 'rxjs';
import { TimeoutError } from '../../errors/errors.ts';

export interface LivenessLimits {
  /** Milliseconds without a word from the peer after which it is asked for one. */
  readonly quietMs: number;
  /** Milliseconds without a word or a byte from the peer after which it counts as gone. */
  readonly stallMs: number;
}

/**
 * Whether the other side of a session is still there. A word on the control connection says so, and so does content that
 * moves: only silence on both is a stall. Monotonic clock.
 */
export class Liveness {
  readonly #limits: LivenessLimits;
  /** There once somebody has waited for a word. */
  #heard$: Subject<void> | undefined;
  #lastHeard = performance.now();

  constructor(limits: LivenessLimits) {
    this.#limits = limits;
  }

  /** To be told of every message. */
  heard(): void {
    this.moved();
    this.#heard$?.next();
  }

  /** To be told of content that moves: that too shows the peer at work, if only a moment ago. */
  moved(): void {
    this.#lastHeard = performance.now();
  }

  /**
   * Emits once, whether the peer said a word within so many milliseconds. Content does not count: what a peer sent before it
   * was gone may still arrive.
   */
  signWithin(milliseconds: number): Observable<boolean> {
    return defer(() => {
      this.#heard$ ??= new Subject();
      return race(this.#heard$.pipe(map(() => true)), timer(milliseconds).pipe(map(() => false))).pipe(take(1));
    });
  }

  /**
   * Calls `ask` whenever it is time to ask the peer for a sign. Never emits; errors with `STALLED` when none came for
   * `stallMs`. Time in which this process itself stood still is nobody's silence: a word may be waiting to be read. One
   * timer a subscription.
   */
  watch(ask: () => void): Observable<never> {
    const { quietMs, stallMs } = this.#limits;
    return new Observable((subscriber) => {
      let lastLook = performance.now();
      const clock = setInterval(() => {
        const now = performance.now();
        this.#lastHeard = Math.min(now, this.#lastHeard + Math.max(0, now - lastLook - quietMs));
        lastLook = now;
        const silentMs = now - this.#lastHeard;
        if (silentMs >= stallMs) subscriber.error(stalled(silentMs));
        else if (silentMs >= quietMs / 2) ask();
      }, quietMs);
      return () => clearInterval(clock);
    });
  }
}

const stalled = (silentMs: number): TimeoutError =>
  new TimeoutError('STALLED', `nothing was heard from the other side for ${Math.round(silentMs / 1000)} s`);
