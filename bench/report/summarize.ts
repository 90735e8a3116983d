import type { Measured } from '../measure/measure-task.ts';
import type { BothSides } from '../measure/peer.ts';
import type { Sample } from '../measure/sample.ts';
import { median, quantile } from './quantile.ts';

/** What a peer's samples say, all of it per act. */
export interface Summary {
  /** Half of all acts took between the quartiles. */
  readonly seconds: { readonly median: number; readonly lower: number; readonly upper: number };
  /** Content bytes a second at the median; nothing where no content is moved. */
  readonly rate: number | undefined;
  /** How many times as fast as this peer ours was in the same round, median of the rounds; nothing without ours. */
  readonly ratio: number | undefined;
  readonly cpuSeconds: BothSides<number>;
  /** Processor seconds for 1 000 000 000 bytes of content. */
  readonly cpuSecondsPerGB: BothSides<number> | undefined;
  /** The medians of whatever else was found out. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Sums up one peer that moved `bytes` in each act, beside ours that was measured with it. */
export const summarize = ({ samples }: Measured, ours: Measured | undefined, bytes: number): Summary => {
  const seconds = samples.flatMap((sample) => sample.seconds);
  const middle = median(seconds);
  const ratios = samples.map((sample, round) => typical(sample) / typical(ours?.samples[round]));
  const cpu = (side: keyof BothSides<number>) =>
    median(samples.map((sample) => sample.cpuSeconds[side] / sample.seconds.length));
  const cpuSeconds = { client: cpu('client'), server: cpu('server') };
  return {
    seconds: { median: middle, lower: quantile(seconds, 0.25), upper: quantile(seconds, 0.75) },
    rate: bytes === 0 ? undefined : bytes / middle,
    ratio: ours === undefined ? undefined : median(ratios),
    cpuSeconds,
    cpuSecondsPerGB:
      bytes === 0
        ? undefined
        : { client: (cpuSeconds.client / bytes) * 1e9, server: (cpuSeconds.server / bytes) * 1e9 },
    figures: mediansOf(samples),
  };
};

const typical = (sample: Sample | undefined): number => median(sample?.seconds ?? []);

const mediansOf = (samples: readonly Sample[]): Record<string, number> => {
  const names = new Set(samples.flatMap(({ figures = {} }) => Object.keys(figures)));
  return Object.fromEntries(
    [...names].map((name) => [name, median(samples.flatMap(({ figures }) => figures?.[name] ?? []))]),
  );
};
