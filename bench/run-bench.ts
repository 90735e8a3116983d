import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { measureTask } from './measure/measure-task.ts';
import { MODE_TITLES } from './measure/mode.ts';
import type { Peer } from './measure/peer.ts';
import { type Batch, type Work, planBatches, removeSource } from './measure/plan.ts';
import type { Task } from './measure/task.ts';
import { chooseFolder, withTemporaryFolder } from './measure/temporary-folder.ts';
import type { BenchOptions } from './options.ts';
import { PEERS, SUBJECT } from './peers/peers.ts';
import { describeMachine } from './report/machine.ts';
import { type Cell, type LeftOut, RESULTS_FORMAT, type Results } from './report/results.ts';
import { summarize } from './report/summarize.ts';

export interface RunHooks {
  /** Told what is measured next, for people. */
  readonly onStep: (step: string) => void;
  /** Aborting rejects the run, after its processes have ended and its files are removed. */
  readonly signal: AbortSignal;
}

/** Measures everything asked for. Its files live in a fresh folder, which is gone when this settles. */
export const runBench = async (options: BenchOptions, { onStep, signal }: RunHooks): Promise<Results> => {
  const { sizes, repeats, fsync } = options;
  const began = new Date().toISOString();
  const parent = options.dir ?? (await chooseFolder(Math.max(...sizes)));
  const { peers, leftOut } = await sortPeers(options.peers);
  const cells: Cell[] = [];
  await withTemporaryFolder(parent, async (outer) => {
    // Servers keep what they need beside it, out of reach of their clients.
    const folder = join(outer, 'files');
    await mkdir(folder);
    for (const batch of planBatches(options)) {
      const jobs = batch.works
        .map((work) => ({ work, task: taskFor(work, batch, folder, fsync) }))
        .map((job) => ({ ...job, able: peers.filter((peer) => peer.does(job.task)) }))
        .filter(({ able }) => able.length > 0);
      if (jobs.length === 0) continue;
      await batch.prepare(folder, signal);
      for (const { work, task, able } of jobs) {
        signal.throwIfAborted();
        onStep(`${MODE_TITLES[work.mode]}, ${work.label}`);
        cells.push(await measureCell(able, task, work, repeats, signal));
      }
      await removeSource(folder, batch);
    }
  });
  const machine = describeMachine();
  return { format: RESULTS_FORMAT, began, machine, folder: parent, repeats, fsync, cells, leftOut };
};

const taskFor = ({ mode, size, count, idle }: Work, { source }: Batch, folder: string, fsync: boolean): Task => ({
  mode,
  folder,
  source,
  target: 'target',
  size,
  count,
  idle,
  fsync,
});

const sortPeers = async (names: readonly string[]): Promise<{ peers: Peer[]; leftOut: LeftOut[] }> => {
  const peers: Peer[] = [];
  const leftOut: LeftOut[] = [];
  for (const peer of PEERS) {
    const reason = names.includes(peer.name) ? await peer.missing() : 'not asked for';
    if (reason === undefined) peers.push(peer);
    else leftOut.push({ peer: peer.name, reason });
  }
  return { peers, leftOut };
};

const measureCell = async (
  peers: readonly Peer[],
  task: Task,
  { mode, label, times, maxRepeats }: Work,
  repeats: number,
  signal: AbortSignal,
): Promise<Cell> => {
  const options = { repeats: Math.min(repeats, maxRepeats), times, signal };
  const { measured, failed } = await measureTask(peers, task, options);
  const ours = measured.find(({ peer }) => peer === SUBJECT);
  const withSummary = measured.map((one) => ({ ...one, summary: summarize(one, ours, task.size * task.count) }));
  return { mode, label, times, peers: withSummary, failed };
};
