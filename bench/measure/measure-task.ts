import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BothSides, Peer, PeerSession } from './peer.ts';
import type { Sample } from './sample.ts';
import type { Task } from './task.ts';

/** What was measured of one peer at one task. */
export interface Measured {
  readonly peer: string;
  readonly samples: readonly Sample[];
  /** The most memory that each side had resident at a time, in bytes; its processes served this task alone. */
  readonly peakBytes: BothSides<number>;
}

/** A peer that could not do its task. */
export interface Failure {
  readonly peer: string;
  readonly reason: string;
}

export interface MeasureOptions {
  /** Samples of each peer. */
  readonly repeats: number;
  /** Acts in one sample. */
  readonly times: number;
  /** Aborting ends the measurement and every process of it. */
  readonly signal: AbortSignal;
}

/**
 * Measures peers at one task in turns (A B C, B C A, ...), so that whatever else the machine does meets all of them. One
 * sample of each comes first and does not count. A peer that fails is named and left out, unless the run was aborted.
 */
export const measureTask = async (
  peers: readonly Peer[],
  task: Task,
  { repeats, times, signal }: MeasureOptions,
): Promise<{ measured: Measured[]; failed: Failure[] }> => {
  const failed: Failure[] = [];
  const runners: Runner[] = [];
  const orFail = async (peer: string, step: () => Promise<void>) => {
    try {
      await step();
    } catch (error) {
      signal.throwIfAborted();
      failed.push({ peer, reason: error instanceof Error ? error.message : String(error) });
    }
  };
  try {
    for (const peer of peers)
      await orFail(peer.name, async () => {
        runners.push({ peer: peer.name, session: await peer.open(task, signal), samples: [] });
      });
    for (let round = -1; round < repeats; round += 1)
      for (const { peer, session, samples } of startingAt(round + 1, runners))
        if (!failed.some((failure) => failure.peer === peer))
          await orFail(peer, async () => {
            const sample = await takeSample(session, task, times);
            if (round >= 0) samples.push(sample);
          });
    const good = runners.filter(({ peer }) => !failed.some((failure) => failure.peer === peer));
    const measured = await Promise.all(
      good.map(async ({ peer, session, samples }) => ({ peer, samples, peakBytes: await peakOf(session) })),
    );
    return { measured, failed };
  } finally {
    await Promise.all(runners.map(({ session }) => session.close()));
  }
};

/** The same in a circle: who comes behind whom matters, for what one leaves in the caches and frees of memory. */
const startingAt = <T>(first: number, all: readonly T[]): T[] => {
  const at = all.length === 0 ? 0 : first % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
};

interface Runner {
  readonly peer: string;
  readonly session: PeerSession;
  readonly samples: Sample[];
}

const takeSample = async (session: PeerSession, { folder, target }: Task, times: number): Promise<Sample> => {
  const before = await session.usage();
  const timing = await session.act(times);
  const after = await session.usage();
  // Removed here, where it takes nobody's time: a large file is slow to replace.
  await rm(join(folder, target), { recursive: true, force: true });
  return {
    ...timing,
    cpuSeconds: {
      client: after.client.cpuSeconds - before.client.cpuSeconds,
      server: after.server.cpuSeconds - before.server.cpuSeconds,
    },
  };
};

const peakOf = async (session: PeerSession): Promise<BothSides<number>> => {
  const { client, server } = await session.usage();
  return { client: client.peakBytes, server: server.peakBytes };
};
