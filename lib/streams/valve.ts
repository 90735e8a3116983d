import { BehaviorSubject, type Observable } from 'rxjs';

/** When a valve closes and opens again, in whatever unit its owner counts (bytes unless said otherwise). */
export interface ValveLimits {
  /** Held amount from which the source is paused. @default 2 MiB */
  readonly high?: number;
  /** Held amount down to which it is let go on. @default half of `high` */
  readonly low?: number;
}

const DEFAULT_HIGH = 2 * 1024 * 1024;

// About the size of a Buffer object and its place in an array: a million chunks of one byte would fill memory long before
// their bytes filled the valve.
const CHUNK_OVERHEAD_BYTES = 256;

const weightOf = ({ length }: Buffer): number => Math.max(length, CHUNK_OVERHEAD_BYTES);

/**
 * The one place where backpressure is decided: whoever takes bytes without being done with them holds them here and
 * releases them later. Closed from `high` up, open again from `low` down, so it cannot deadlock: it is closed only while
 * somebody holds work, and finishing that work opens it. A source may overshoot `high` by what one read yields.
 */
export class Valve {
  readonly #high: number;
  readonly #low: number;
  readonly #open$ = new BehaviorSubject(true);
  #held = 0;
  #blocked = false;
  #owner: ((chunk: Buffer) => void) | undefined;

  constructor({ high = DEFAULT_HIGH, low = high / 2 }: ValveLimits = {}) {
    this.#high = high;
    this.#low = low;
  }

  /** Emits at once whether the valve is open, and then each change. Never completes; holds no subscription. */
  get open$(): Observable<boolean> {
    return this.#open$.asObservable();
  }

  /** Whether the source may go on just now. */
  get isOpen(): boolean {
    return this.#open$.value;
  }

  /** How much is held just now. */
  get held(): number {
    return this.#held;
  }

  /** Counts what was taken and is not done. */
  hold(amount: number): void {
    this.#held += amount;
    if (this.#held >= this.#high) this.#set(false);
  }

  /** Counts what is done. */
  release(amount: number): void {
    this.#held -= amount;
    if (this.#held <= this.#low) this.#set(!this.#blocked);
  }

  /** Counts a chunk that was taken and is not done, as what it costs in memory. */
  take(chunk: Buffer): void {
    this.hold(weightOf(chunk));
  }

  /** Counts a chunk that was taken as done, and tells its owner, who may use its memory again. */
  giveBack(chunk: Buffer): void {
    this.release(weightOf(chunk));
    this.passBack(chunk);
  }

  /** Tells the owner of a chunk that is done, and was counted elsewhere. */
  passBack(chunk: Buffer): void {
    this.#owner?.(chunk);
  }

  /** Names the one who is told of chunks that are given back. */
  ownedBy(owner: (chunk: Buffer) => void): void {
    this.#owner = owner;
  }

  /** Keeps the valve closed whatever is held, for a sink that waits on something it cannot count in bytes. */
  block(): void {
    this.#blocked = true;
    this.#set(false);
  }

  /** Ends `block`; the valve opens when little enough is held. */
  unblock(): void {
    this.#blocked = false;
    if (this.#held <= this.#low) this.#set(true);
  }

  #set(open: boolean): void {
    if (this.#open$.value !== open) this.#open$.next(open);
  }
}
