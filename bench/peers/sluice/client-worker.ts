import { type Client, connectClient } from '../../../lib/index.ts';
import { DISTANCES, isFileMode } from '../../measure/mode.ts';
import type { ServerAddress } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';
import { quantile } from '../../report/quantile.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import { timeEach } from '../../workers/time-each.ts';
import type { ClientCalls } from '../../workers/worker-sides.ts';
import { listFolder } from './list-folder.ts';
import { downloadTogether, openSessions, wholeSession } from './many-sessions.ts';
import { moveFile } from './move-file.ts';
import { downloadTree, uploadTree } from './move-tree.ts';

type Act = ClientCalls['act'];

let act: Act;

const connect: ClientCalls['connect'] = async ({ task, address }) => {
  act = await prepare(task, address);
};

const prepare = async (task: Task, address: ServerAddress): Promise<Act> => {
  const { mode, count } = task;
  switch (mode) {
    case 'sessions':
      return (times) => timeEach(times, () => wholeSession(address, task));
    case 'idle-sessions':
      return holdIdle(address, count);
    case 'downloads-at-once': {
      const clients = await openSessions(address, count);
      return () => downloadTogether(clients, task);
    }
    default: {
      const client = await connectClient({ host: address.host ?? '127.0.0.1', port: address.port });
      return inSession(client, task);
    }
  }
};

const inSession = (client: Client, task: Task): Act => {
  const { mode } = task;
  if (isFileMode(mode)) return (times) => timeEach(times, () => moveFile(client, mode, task));
  if (mode === 'list-folder') return () => listFolder(client, task);
  if (mode === 'beside-idle') return (times) => timeEach(times, () => moveFile(client, 'download-to-nothing', task));
  const distance = DISTANCES[mode];
  if (distance) return countingTrips(distance.roundTripMs, () => moveFar(client, task));
  const move = mode === 'upload-tree' ? uploadTree : downloadTree;
  return (times) => timeEach(times, () => move(client, task));
};

const moveFar = (client: Client, task: Task): Promise<void> =>
  task.mode === 'far-tree' ? downloadTree(client, task) : moveFile(client, 'download-to-file', task);

/** How many round trips what is done takes, beside the time; the first time comes before, so that the session is warm. */
const countingTrips = (roundTripMs: number, act: () => Promise<void>): Act => {
  return async (times) => {
    const { seconds } = await timeEach(times, act);
    return { seconds, figures: { 'round trips': quantile(seconds, 0.5) / (roundTripMs / 1000) } };
  };
};

/** Each act opens that many sessions, which stay until the next one has closed them. */
const holdIdle = (address: ServerAddress, count: number): Act => {
  let held: Client[] = [];
  return async (times) => {
    await Promise.all(held.map((client) => client.quit()));
    return timeEach(times, async () => {
      held = await openSessions(address, count);
    });
  };
};

answerCalls({ connect, act: (times) => act(times) } satisfies ClientCalls);
