import { EMPTY, type Observable, defer, interval, mergeMap, of } from 'rxjs';
import { TimeoutError } from '../../errors/errors.ts';
import type { Liveness, LivenessLimits } from './liveness.ts';

export interface PulseLimits extends LivenessLimits {
  /** Milliseconds without a byte after which a transfer is given up even if a side says that it rests. */
  readonly restMs: number;
}

/** What is told of one content that moves. */
export interface ContentPulse {
  /** To be told of every piece of it. */
  moved(): void;
  /** Names how to tell, from now on, whether it is this side that keeps it still. */
  restsHereWhile(isResting: () => boolean): void;
  /** To be told when all of it has passed, and whether what has to follow is this side's work. */
  ended(restsHere: boolean): void;
}

/**
 * Whether the content of one transfer still moves, and if not, whose rest it is. A side whose own disk, pipe or user
 * keeps the content still says so to the other; stillness that neither side owns up to is a lost data connection, which
 * may look alive for hours where a firewall has forgotten it. Monotonic clock.
 */
export class TransferPulse implements ContentPulse {
  readonly #liveness: Liveness;
  readonly #limits: PulseLimits;
  #lastMove = performance.now();
  #lastSign = this.#lastMove;
  // Until the data connection is there its own deadline counts, and after the content the sink's work.
  #restsHere: () => boolean = () => true;

  constructor(liveness: Liveness, limits: PulseLimits) {
    this.#liveness = liveness;
    this.#limits = limits;
  }

  moved(): void {
    this.#liveness.moved();
    this.#lastMove = this.#lastSign = performance.now();
  }

  /** To be told when the peer says that the content rests on its side. */
  restsThere(): void {
    this.#lastSign = performance.now();
  }

  restsHereWhile(isResting: () => boolean): void {
    this.#lastSign = performance.now();
    this.#restsHere = isResting;
  }

  ended(restsHere: boolean): void {
    this.restsHereWhile(() => restsHere);
  }

  /** Pulses for so many contents that make up the transfer side by side: it rests here if any does that has not ended. */
  inParts(count: number): (index: number) => ContentPulse {
    const resting = new Map<number, () => boolean>();
    let running = count;
    this.restsHereWhile(() => [...resting.values()].some((isResting) => isResting()));
    return (index) => ({
      moved: () => this.moved(),
      restsHereWhile: (isResting) => {
        this.restsThere();
        resting.set(index, isResting);
      },
      ended: (restsHere) => {
        resting.delete(index);
        running -= 1;
        if (running === 0) this.ended(restsHere);
      },
    });
  }

  /**
   * Emits whenever the peer is to be told that the content rests on this side. Errors with `STALLED` when it has stood
   * still for `stallMs` without a reason, or for `restMs` with one. Never completes; one timer a subscription.
   */
  get rest$(): Observable<void> {
    const { quietMs, stallMs, restMs } = this.#limits;
    return defer(() => {
      this.restsThere();
      return interval(quietMs);
    }).pipe(
      mergeMap(() => {
        const now = performance.now();
        if (now - this.#lastMove >= restMs) throw stalled(restMs);
        if (now - this.#lastMove < quietMs / 2) return EMPTY;
        if (this.#restsHere()) {
          this.#lastSign = now;
          return of(undefined);
        }
        if (now - this.#lastSign >= stallMs) throw stalled(stallMs);
        return EMPTY;
      }),
    );
  }
}

const stalled = (ms: number) => new TimeoutError('STALLED', `no content moved for ${Math.round(ms / 1000)} s`);
