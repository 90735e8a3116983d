import { isFileMode, sendsMemory } from '../../measure/mode.ts';
import { openSides } from '../../measure/open-sides.ts';
import type { Peer } from '../../measure/peer.ts';
import { bytesPerSession } from '../../measure/bytes-per-session.ts';
import { startClientWorker, startServerWorker } from '../../workers/worker-sides.ts';

const client = new URL('./client-worker.js', import.meta.url);
const server = new URL('./server-worker.js', import.meta.url);

const MODES: readonly string[] = ['upload-tree', 'download-tree', 'sessions', 'idle-sessions', 'list-folder'];

/**
 * The least that a Node program has to do for the same work and the same promise: each content digested on both sides
 * and compared, each file written beside its target and renamed. Sockets and files without any layer between them, calls
 * that wait for the disk wherever they are faster, nothing that a second user, a slow disk or a bad peer would need. So
 * it is a bound, and not a program that anybody could use.
 */
export const leastNode: Peer = {
  name: 'least-node',
  does: ({ mode }) => (isFileMode(mode) && !sendsMemory(mode)) || MODES.includes(mode),
  missing: () => Promise.resolve(undefined),
  open: async (task, signal) => {
    const session = await openSides(
      () => startServerWorker(server, task, signal),
      (address) => startClientWorker(client, task, address, signal),
    );
    return task.mode === 'idle-sessions' ? bytesPerSession(session, task.count) : session;
  },
};
