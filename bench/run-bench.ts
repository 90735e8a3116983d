import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measureTask } from './measure/measure-task.ts';
import { describeMode } from './measure/mode.ts';
import type { Peer } from './measure/peer.ts';
import type { Task } from './measure/task.ts';
import { chooseFolder, withTemporaryFolder } from './measure/temporary-folder.ts';
import { writeRandomFile } from './measure/write-random-file.ts';
import type { BenchOptions } from './options.ts';
import { BASELINE, LEFT_OUT, PEERS } from './peers/peers.ts';
import { formatByteSize } from './report/byte-size.ts';
import { describeMachine } from './report/machine.ts';
import type { Cell, LeftOut, Results } from './report/results.ts';
import { summarize } from './report/summarize.ts';

// A sample of small files is many of them: one alone would measure the clock and the scheduler.
const MAX_TRANSFERS_A_SAMPLE = 200;

export interface RunHooks {
  /** Told what is measured next, for people. */
  readonly onStep: (step: string) => void;
  /** Aborting rejects the run, after its processes have ended and its files are removed. */
  readonly signal: AbortSignal;
}

/** Measures every mode at every size. Its files live in a fresh folder, which is gone when this settles. */
export const runBench = async (options: BenchOptions, hooks: RunHooks): Promise<Results> => {
  const { sizes, modes, repeats, fsync } = options;
  const began = new Date().toISOString();
  const parent = options.dir ?? (await chooseFolder(Math.max(...sizes)));
  const { peers, leftOut } = await sortPeers();
  const cells: Cell[] = [];
  await withTemporaryFolder(parent, async (folder) => {
    for (const size of sizes) {
      const source = `source-${size}`;
      await writeRandomFile(join(folder, source), size);
      for (const mode of modes) {
        hooks.onStep(`${describeMode(mode)}, ${formatByteSize(size)}`);
        const task: Task = { mode, folder, source, target: 'target', fsync };
        cells.push(await measureCell(peers, task, size, options, hooks.signal));
      }
      await rm(join(folder, source));
    }
  });
  return { began, machine: describeMachine(), folder: parent, repeats, fsync, cells, leftOut };
};

const sortPeers = async (): Promise<{ peers: Peer[]; leftOut: LeftOut[] }> => {
  const peers: Peer[] = [BASELINE];
  const leftOut: LeftOut[] = LEFT_OUT.map((peer) => ({ peer, reason: 'not part of the bench yet' }));
  for (const peer of PEERS) {
    const reason = await peer.missing();
    if (reason === undefined) peers.push(peer);
    else leftOut.push({ peer: peer.name, reason });
  }
  return { peers, leftOut };
};

const measureCell = async (
  peers: readonly Peer[],
  task: Task,
  size: number,
  { repeats, sampleBytes }: BenchOptions,
  signal: AbortSignal,
): Promise<Cell> => {
  const times = Math.max(1, Math.min(MAX_TRANSFERS_A_SAMPLE, Math.round(sampleBytes / size)));
  const [baseline, ...others] = await measureTask(peers, task, { repeats, times, signal });
  if (baseline === undefined) throw new Error('nothing was measured');
  const withSummary = [baseline, ...others].map((measured) => ({
    ...measured,
    summary: summarize(measured, baseline, size),
  }));
  return { mode: task.mode, size, times, peers: withSummary };
};
