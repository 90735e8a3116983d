import type { ClientSide, ServerAddress, ServerSide } from '../measure/peer.ts';
import type { Timing } from '../measure/sample.ts';
import type { Task } from '../measure/task.ts';
import type { Calls } from './answer-calls.ts';
import { Worker } from './worker.ts';

/** What a server's worker offers: it starts to serve a task, and gives its port. */
export interface ServerCalls extends Calls {
  readonly start: (task: Task) => Promise<number>;
}

/** What a client's worker offers: it prepares for a task, and then does it as often as it is told. */
export interface ClientCalls extends Calls {
  readonly connect: (server: { readonly task: Task; readonly address: ServerAddress }) => Promise<void>;
  readonly act: (times: number) => Promise<Timing>;
}

/** A server that is a worker program. */
export const startServerWorker = async (program: URL, task: Task, signal: AbortSignal): Promise<ServerSide> => {
  const worker = new Worker<ServerCalls>(program, signal);
  return orClose(worker, async () => {
    const port = await worker.call('start', task);
    const address = { port, password: '', prefix: '' };
    return { address, usage: () => worker.usage(), close: () => worker.close() };
  });
};

/** A client that is a worker program, connected. */
export const startClientWorker = async (
  program: URL,
  task: Task,
  address: ServerAddress,
  signal: AbortSignal,
): Promise<ClientSide> => {
  const worker = new Worker<ClientCalls>(program, signal);
  return orClose(worker, async () => {
    await worker.call('connect', { task, address });
    return { act: (times) => worker.call('act', times), usage: () => worker.usage(), close: () => worker.close() };
  });
};

const orClose = async <T>(worker: { close(): Promise<void> }, use: () => Promise<T>): Promise<T> => {
  try {
    return await use();
  } catch (error) {
    await worker.close();
    throw error;
  }
};
