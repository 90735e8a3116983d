import { fileURLToPath } from 'node:url';
import { bytesPerSession } from '../../measure/bytes-per-session.ts';
import { openSides } from '../../measure/open-sides.ts';
import type { ClientSide, Peer, ServerAddress, ServerSide } from '../../measure/peer.ts';
import { DISTANCES, type Distance } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { commandClient, repeatRuns } from '../../programs/command-client.ts';
import { median } from '../../report/quantile.ts';
import { LINK_HOST, type LinkCalls } from '../../workers/link-plan.ts';
import { startClientWorker, startServerWorker } from '../../workers/worker-sides.ts';
import { Worker } from '../../workers/worker.ts';
import type { IdleCalls } from './idle-worker.ts';
import type { StatCalls } from './stat-worker.ts';

const programs = {
  client: new URL('./client-worker.js', import.meta.url),
  server: new URL('./server-worker.js', import.meta.url),
  link: new URL('../../workers/link.js', import.meta.url),
  stat: new URL('./stat-worker.js', import.meta.url),
  idle: new URL('./idle-worker.js', import.meta.url),
  commandLine: new URL('../../../bin/sluice.js', import.meta.url),
};

/** This project: the library's client and server with their defaults, digest included, one session for all transfers. */
export const sluice: Peer = {
  name: 'sluice',
  does: () => true,
  missing: () => Promise.resolve(undefined),
  open: async (task, signal) => {
    const session = await openSides(
      () => startServer(task, signal),
      (address) => startClient(task, address, signal),
    );
    return task.mode === 'idle-sessions' ? bytesPerSession(session, task.count) : session;
  },
};

const startServer = async (task: Task, signal: AbortSignal): Promise<ServerSide> => {
  const server = await startServerWorker(programs.server, task, signal);
  const distance = DISTANCES[task.mode];
  return distance ? moveAway(server, distance, signal) : server;
};

/** The server behind a link, of which the machine knows nothing. */
const moveAway = async (server: ServerSide, distance: Distance, signal: AbortSignal): Promise<ServerSide> => {
  const link = new Worker<LinkCalls>(programs.link, signal);
  const close = async () => {
    await link.close();
    await server.close();
  };
  try {
    const { port } = server.address;
    await link.call('start', { port, ...distance });
    return { ...server, address: { ...server.address, host: LINK_HOST }, close };
  } catch (error) {
    await close();
    throw error;
  }
};

const startClient = async (task: Task, address: ServerAddress, signal: AbortSignal): Promise<ClientSide> => {
  if (task.mode === 'cold-start') return startCommandLine(task, address, signal);
  const client = await startClientWorker(programs.client, task, address, signal);
  if (task.mode === 'downloads-at-once') return withStats(client, task, address, signal);
  return task.mode === 'beside-idle' ? besideIdle(client, task, address, signal) : client;
};

const startCommandLine = ({ source }: Task, { port }: ServerSide['address'], signal: AbortSignal): ClientSide => {
  const args = [fileURLToPath(programs.commandLine), 'ls', `sluice://127.0.0.1:${port}/${source}`];
  return commandClient(signal, (run, times) => repeatRuns(times, () => run(process.execPath, args)));
};

/** Asks `stat` all the while in a process of its own, and tells how long the answers took. */
const withStats = async (
  client: ClientSide,
  task: Task,
  address: ServerAddress,
  signal: AbortSignal,
): Promise<ClientSide> => {
  const stats = new Worker<StatCalls>(programs.stat, signal);
  const close = async () => {
    await stats.close();
    await client.close();
  };
  const act: ClientSide['act'] = async (times) => {
    await stats.call('begin', task);
    const timing = await client.act(times);
    const p99 = await stats.call('end', 0.99);
    return { ...timing, figures: { ...timing.figures, 'stat p99, ms': p99 * 1000 } };
  };
  try {
    await stats.call('connect', { task, address });
    return { act, usage: () => client.usage(), close };
  } catch (error) {
    await close();
    throw error;
  }
};

/**
 * Holds idle sessions in a process of its own, and does the same each time with a second client and server that have none
 * beside them, so that whatever else the machine does meets both.
 */
const besideIdle = async (
  client: ClientSide,
  task: Task,
  address: ServerAddress,
  signal: AbortSignal,
): Promise<ClientSide> => {
  const idle = new Worker<IdleCalls>(programs.idle, signal);
  const open: { close(): Promise<void> }[] = [client, idle];
  const close = async () => {
    for (const each of open.reverse()) await each.close();
  };
  try {
    await idle.call('hold', { address, count: task.idle });
    const emptyServer = await startServer(task, signal);
    open.push(emptyServer);
    const alone = await startClientWorker(programs.client, task, emptyServer.address, signal);
    open.push(alone);
    const act: ClientSide['act'] = async (times) => {
      const without = await alone.act(times);
      const beside = await client.act(times);
      return {
        ...beside,
        figures: { 'times as long as without them': median(beside.seconds) / median(without.seconds) },
      };
    };
    return { act, usage: () => client.usage(), close };
  } catch (error) {
    await close();
    throw error;
  }
};
