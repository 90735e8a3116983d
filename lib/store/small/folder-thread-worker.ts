import { parentPort } from 'node:worker_threads';
import { type FolderJob, doJobs } from './jobs.ts';

// What the thread of `FolderThread` runs.
parentPort?.on('message', (jobs: readonly FolderJob[]) => parentPort?.postMessage(doJobs(jobs)));
