import type { SluiceError } from '../errors/errors.ts';
import type { Proof } from './proof.ts';
import type { TreeCount } from './tree.ts';

/** How a transfer is doing; of the `Proof`, once it is `completed`. */
export interface TransferProgress extends Proof {
  /**
   * The last one that comes says `completed` (verified, where the dialect can, and kept by the receiver) or `skipped` (the target stays).
   * `waiting` says that it broke off and begins again.
   */
  readonly state: 'moving' | 'waiting' | 'completed' | 'skipped';
  /**
   * Content bytes written by the receiving side here, or handed to the connection by the sending one; those of an
   * earlier try that was taken up included.
   */
  readonly bytes: number;
  /** Content length, where it is known. */
  readonly total: number | undefined;
  /** Bytes a second, averaged over the last seconds. */
  readonly rate: number;
  /** Seconds still to go at that rate; unknown without a total or before anything has moved. */
  readonly eta: number | undefined;
  /** Bytes of the content that were there from an earlier try when this one began; missing if there were none. */
  readonly resumed?: number;
  /** With state `waiting`: what broke the transfer off. */
  readonly trouble?: SluiceError;
  /** With state `waiting`: milliseconds until it begins again. */
  readonly waitMs?: number;
}

/**
 * How a tree is doing; `bytes` and the counts are sums over its files, each of which counts once, however many tries it took.
 * There is no total.
 */
export interface TreeProgress extends TransferProgress, TreeCount {
  readonly state: 'moving' | 'waiting' | 'completed';
  readonly bytes: number;
}

/** What is known of a content by now. */
export interface ContentFacts {
  /** Its length in bytes. */
  readonly total?: number | undefined;
  /** Bytes of it that were there before this transfer. @default 0 */
  readonly resumed?: number;
}

// A rate that is looked at more often than this tells of nothing new.
const SAMPLE_SECONDS = 0.001;

// Weight of the past halves in this many seconds: steady to read, and quick to show a stall.
const HALF_LIFE_SECONDS = 2;

/** Makes progress out of byte counts: measures the rate since it was made, by the monotonic clock. */
export class ProgressMeter {
  #lastBytes = 0;
  #lastTime = performance.now();
  // Weighted sums of bytes and of seconds: their quotient is right from the first sample on.
  #recentBytes = 0;
  #recentSeconds = 0;

  /** The progress at `bytes`, counted from the start of the content; `resumed` of them do not count for the rate. */
  at(state: TransferProgress['state'], bytes: number, { total, resumed = 0 }: ContentFacts = {}): TransferProgress {
    const rate = this.#rate(Math.max(0, bytes - resumed));
    const left = total === undefined ? undefined : Math.max(0, total - bytes);
    const eta = left === undefined || rate === 0 ? undefined : left / rate;
    return { state, bytes, total, rate, eta, ...(resumed > 0 && { resumed }) };
  }

  #rate(bytes: number): number {
    const now = performance.now();
    const seconds = (now - this.#lastTime) / 1000;
    if (seconds < SAMPLE_SECONDS) return this.#recentRate();
    const keep = 0.5 ** (seconds / HALF_LIFE_SECONDS);
    this.#recentBytes = this.#recentBytes * keep + (bytes - this.#lastBytes);
    this.#recentSeconds = this.#recentSeconds * keep + seconds;
    this.#lastBytes = bytes;
    this.#lastTime = now;
    return this.#recentRate();
  }

  #recentRate(): number {
    return this.#recentSeconds > 0 ? this.#recentBytes / this.#recentSeconds : 0;
  }
}
