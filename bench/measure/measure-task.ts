import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BothSides, Peer, PeerSession } from './peer.ts';
import type { Sample } from './sample.ts';
import type { Task } from './task.ts';

/** What was measured of one peer at one task. */
export interface Measured {
  readonly peer: string;
  readonly samples: readonly Sample[];
  /** The most memory that each process had resident at a time, in bytes; the processes served this task alone. */
  readonly peakBytes: BothSides<number>;
}

export interface MeasureOptions {
  /** Samples of each peer. */
  readonly repeats: number;
  /** Transfers in one sample. */
  readonly times: number;
  /** Aborting ends the measurement and every process of it. */
  readonly signal: AbortSignal;
}

/**
 * Measures peers at one task in turns (A B A B), so that whatever else the machine does meets all of them. One sample
 * of each comes first and does not count.
 */
export const measureTask = async (
  peers: readonly Peer[],
  task: Task,
  { repeats, times, signal }: MeasureOptions,
): Promise<Measured[]> => {
  const sessions: { peer: string; session: PeerSession; samples: Sample[] }[] = [];
  try {
    for (const peer of peers) sessions.push({ peer: peer.name, session: await peer.open(task, signal), samples: [] });
    for (const { session } of sessions) await takeSample(session, task, times);
    for (let round = 0; round < repeats; round += 1)
      for (const { session, samples } of sessions) samples.push(await takeSample(session, task, times));
    return await Promise.all(
      sessions.map(async ({ peer, session, samples }) => ({ peer, samples, peakBytes: await peakOf(session) })),
    );
  } finally {
    await Promise.all(sessions.map(({ session }) => session.close()));
  }
};

const takeSample = async (session: PeerSession, { folder, target }: Task, times: number): Promise<Sample> => {
  const before = await session.usage();
  const seconds = await session.transfer(times);
  const after = await session.usage();
  // Removed here, where it takes nobody's time: a large file is slow to replace.
  await rm(join(folder, target), { force: true });
  return {
    seconds,
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
