import { isFileMode } from '../../measure/mode.ts';
import { openSides } from '../../measure/open-sides.ts';
import type { Peer } from '../../measure/peer.ts';
import { startClientWorker, startServerWorker } from '../../workers/worker-sides.ts';

const client = new URL('./client-worker.js', import.meta.url);
const server = new URL('./server-worker.js', import.meta.url);

/**
 * What a Node program gets without any protocol: `stream.pipeline` from a read stream (64 KiB pieces) into a fresh TCP
 * connection, and from there into a write stream or into nothing. No digest, no part file, no check of any kind.
 */
export const rawPipeline: Peer = {
  name: 'raw-pipeline',
  does: ({ mode }) => isFileMode(mode) || mode === 'downloads-at-once',
  missing: () => Promise.resolve(undefined),
  open: (task, signal) =>
    openSides(
      () => startServerWorker(server, task, signal),
      (address) => startClientWorker(client, task, address, signal),
    ),
};
