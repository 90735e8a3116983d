import { parentPort } from 'node:worker_threads';
import { type FolderJob, doJobs } from './jobs.ts';
import { type Parcel, pack, unpack } from './parcel.ts';

// What the thread of `FolderThread` runs.
parentPort?.on('message', (jobs: Parcel) => {
  const results = pack(doJobs(unpack(jobs) as FolderJob[]));
  parentPort?.postMessage(results, results.memory);
});
