import { type Client, connectClient } from '../../../lib/index.ts';
import type { ServerAddress } from '../../measure/peer.ts';
import type { Timing } from '../../measure/sample.ts';
import type { Task } from '../../measure/task.ts';
import { sideBySide, timeOne } from '../../workers/time-each.ts';
import { moveFile } from './move-file.ts';
import { runToEnd } from './run-to-end.ts';

const CONNECTING_AT_ONCE = 50;

/** One whole session: connect, greet, list a small folder, take leave. */
export const wholeSession = async ({ port }: ServerAddress, { source }: Task): Promise<void> => {
  const client = await connectClient({ host: '127.0.0.1', port });
  await runToEnd(client.list([source]));
  await client.quit();
};

/** Opens so many sessions, a few at a time. */
export const openSessions = async ({ port }: ServerAddress, count: number): Promise<Client[]> => {
  const clients: Client[] = [];
  while (clients.length < count) {
    const next = Math.min(CONNECTING_AT_ONCE, count - clients.length);
    const opened = await Promise.all(Array.from({ length: next }, () => connectClient({ host: '127.0.0.1', port })));
    clients.push(...opened);
  }
  return clients;
};

/** Downloads the same file in every session at once, into nothing. */
export const downloadTogether = async (clients: readonly Client[], task: Task): Promise<Timing> => {
  let each: number[] = [];
  const whole = await timeOne(async () => {
    each = await Promise.all(clients.map((client) => timeOne(() => moveFile(client, 'download-to-nothing', task))));
  });
  return sideBySide(whole, each);
};
