import type { Measured } from '../measure/measure-task.ts';
import type { BothSides } from '../measure/peer.ts';
import type { Sample } from '../measure/sample.ts';
import { median } from './median.ts';

/** What a peer's samples say, all of it per transfer. */
export interface Summary {
  readonly seconds: { readonly median: number; readonly min: number; readonly max: number };
  /** Content bytes a second at the median. */
  readonly rate: number;
  /** Rate compared with the baseline's in the same round, median of the rounds: 2 is twice as fast. */
  readonly ratio: number;
  readonly cpuSeconds: BothSides<number>;
}

/** Sums up one peer at files of `size` bytes, beside the baseline that was measured with it. */
export const summarize = ({ samples }: Measured, baseline: Measured, size: number): Summary => {
  const seconds = samples.flatMap((sample) => sample.seconds);
  const middle = median(seconds);
  const ratios = samples.map((sample, round) => typical(baseline.samples[round]) / typical(sample));
  const cpu = (side: keyof BothSides<number>) =>
    median(samples.map((sample) => sample.cpuSeconds[side] / sample.seconds.length));
  return {
    seconds: { median: middle, min: Math.min(...seconds), max: Math.max(...seconds) },
    rate: size / middle,
    ratio: median(ratios),
    cpuSeconds: { client: cpu('client'), server: cpu('server') },
  };
};

const typical = (sample: Sample | undefined): number => median(sample?.seconds ?? []);
