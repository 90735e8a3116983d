/** How a transfer is doing. */
export interface TransferProgress {
  /** The last one that comes says `completed` (verified and kept by the receiver) or `skipped` (the target stays). */
  readonly state: 'moving' | 'completed' | 'skipped';
  /** Content bytes written by the receiving side here, or handed to the connection by the sending one. */
  readonly bytes: number;
  /** Content length, where it is known. */
  readonly total: number | undefined;
  /** Bytes a second, averaged over the last seconds. */
  readonly rate: number;
  /** Seconds still to go at that rate; unknown without a total or before anything has moved. */
  readonly eta: number | undefined;
}

// Weight of the past halves in this many seconds: steady to read, and quick to show a stall.
const HALF_LIFE_SECONDS = 2;

/** Makes progress out of byte counts: measures the rate since it was made, by the monotonic clock. */
export class ProgressMeter {
  #lastBytes = 0;
  #lastTime = performance.now();
  // Weighted sums of bytes and of seconds: their quotient is right from the first sample on.
  #recentBytes = 0;
  #recentSeconds = 0;

  /** The progress at `bytes`, counted from the start of the content. */
  at(state: TransferProgress['state'], bytes: number, total: number | undefined): TransferProgress {
    const rate = this.#rate(bytes);
    const left = total === undefined ? undefined : Math.max(0, total - bytes);
    const eta = left === undefined || rate === 0 ? undefined : left / rate;
    return { state, bytes, total, rate, eta };
  }

  #rate(bytes: number): number {
    const now = performance.now();
    const seconds = (now - this.#lastTime) / 1000;
    const keep = 0.5 ** (seconds / HALF_LIFE_SECONDS);
    this.#recentBytes = this.#recentBytes * keep + (bytes - this.#lastBytes);
    this.#recentSeconds = this.#recentSeconds * keep + seconds;
    this.#lastBytes = bytes;
    this.#lastTime = now;
    return this.#recentSeconds > 0 ? this.#recentBytes / this.#recentSeconds : 0;
  }
}
