import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** The machine in words, as far as figures depend on it. */
export interface Machine {
  readonly processors: string;
  readonly memory: string;
  readonly platform: string;
  readonly node: string;
}

export const describeMachine = (): Machine => ({
  processors: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
  memory: `${(totalmem() / 1e9).toFixed(0)} GB`,
  platform: `${process.platform} ${release()} ${process.arch}`,
  node: process.version,
});
