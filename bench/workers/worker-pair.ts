import type { PeerSession } from '../measure/peer.ts';
import type { Task } from '../measure/task.ts';
import type { Calls } from './answer-calls.ts';
import { Worker } from './worker.ts';

/** What a server's worker offers: it starts to serve a task, and gives its port. */
export interface ServerCalls extends Calls {
  readonly start: (task: Task) => Promise<number>;
}

/** What a client's worker offers: it prepares for a task, and then does it as often as it is told. */
export interface ClientCalls extends Calls {
  readonly connect: (server: { readonly task: Task; readonly port: number }) => Promise<void>;
  readonly transfer: (times: number) => Promise<number[]>;
}

/** A peer whose client and server are worker programs: starts both and connects them. */
export const openWorkerPair = async (
  programs: { readonly client: URL; readonly server: URL },
  task: Task,
  signal: AbortSignal,
): Promise<PeerSession> => {
  const server = new Worker<ServerCalls>(programs.server, signal);
  const client = new Worker<ClientCalls>(programs.client, signal);
  const close = async () => {
    await client.close();
    await server.close();
  };
  try {
    const port = await server.call('start', task);
    await client.call('connect', { task, port });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    transfer: (times) => client.call('transfer', times),
    usage: async () => ({ client: await client.usage(), server: await server.usage() }),
    close,
  };
};
