import type { Peer } from '../../measure/peer.ts';
import { openWorkerPair } from '../../workers/worker-pair.ts';

const programs = {
  client: new URL('./client-worker.js', import.meta.url),
  server: new URL('./server-worker.js', import.meta.url),
};

/** This project: the library's client and server with their defaults, digest included, one session for all transfers. */
export const sluice: Peer = {
  name: 'sluice',
  missing: () => Promise.resolve(undefined),
  open: (task, signal) => openWorkerPair(programs, task, signal),
};
