import type { BothSides } from './peer.ts';

/** One measurement of one peer: a run of transfers, one after the other. */
export interface Sample {
  /** Duration of each transfer. */
  readonly seconds: readonly number[];
  /** Processor seconds of all the transfers together. */
  readonly cpuSeconds: BothSides<number>;
}
