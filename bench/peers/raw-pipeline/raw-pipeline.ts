import type { Peer } from '../../measure/peer.ts';
import { openWorkerPair } from '../../workers/worker-pair.ts';

const programs = {
  client: new URL('./client-worker.js', import.meta.url),
  server: new URL('./server-worker.js', import.meta.url),
};

/**
 * What a Node program gets without any protocol: `stream.pipeline` from a read stream (64 KiB pieces) into a fresh TCP
 * connection, and from there into a write stream or into nothing. No digest, no part file, no check of any kind.
 */
export const rawPipeline: Peer = {
  name: 'raw pipeline',
  missing: () => Promise.resolve(undefined),
  open: (task, signal) => openWorkerPair(programs, task, signal),
};
