import type { BothSides } from './peer.ts';

/** What a run of acts told about itself. */
export interface Timing {
  /** Duration of each act. */
  readonly seconds: readonly number[];
  /** Whatever else was found out, by a name that carries its unit. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** One measurement of one peer: a run of acts, one after the other. */
export interface Sample extends Timing {
  /** Processor seconds of all the acts together. */
  readonly cpuSeconds: BothSides<number>;
}
