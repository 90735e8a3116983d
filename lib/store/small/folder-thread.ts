import { Worker } from 'node:worker_threads';
import { HELD_FOLDERS } from '../path-gate.ts';
import type { FolderJob, JobAsks, JobFolder, JobGives, JobType } from './jobs.ts';
import { type Parcel, pack, unpack } from './parcel.ts';

export interface FolderThreadOptions {
  /** Files from which on a thread is worth its start, which takes as long as some dozens of them. @default 32 */
  readonly worthAfter?: number;
  /** Milliseconds without a job after which the thread ends. @default 30000 */
  readonly idleMs?: number;
}

// Its jobs leave little behind, and Node's own limits would let it fill 30 MB before it is collected.
const SMALL_HEAP = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

// What goes to the thread at one go keeps all that comes later waiting, and its text has to fit into that heap. From a hundred
// files on, waking the thread costs next to nothing.
const FILES_AT_ONCE = 256;

interface Waiting {
  readonly job: FolderJob;
  readonly files: number;
  readonly answer: (result: unknown) => void;
}

/**
 * Does the many file-system calls that small files need in a thread of its own, many files at a time.
 *
 * Each call that Node makes for the main thread wakes another one, which costs more than the call itself: 20 to 40
 * microseconds of the main thread, and 100 to 200 until the answer is there, where a call takes about 5. A small file
 * needs ten calls. Here they are made one after the other by one thread that is woken once for all jobs that gathered
 * meanwhile, and the main thread never waits for a disk.
 *
 * The thread starts when jobs are many and ends when there were none for half a minute; meanwhile it takes about 10 MB. It
 * keeps no process alive by itself.
 */
export class FolderThread {
  readonly #worthAfter: number;
  readonly #idleMs: number;
  #worker: Worker | undefined;
  #isReady = false;
  #asked = 0;
  #gathered: Waiting[] = [];
  #underWay: Waiting[] = [];
  #ending: NodeJS.Timeout | undefined;

  constructor({ worthAfter = 32, idleMs = 30_000 }: FolderThreadOptions = {}) {
    this.#worthAfter = worthAfter;
    this.#idleMs = idleMs;
  }

  /** Does a job; gives `undefined` if it is to be done in the ordinary way: no thread runs, or the thread could not. */
  async do<T extends JobType>(type: T, folder: JobFolder, asks: JobAsks<T>): Promise<JobGives<T> | undefined> {
    const job = { type, folder, ...asks } as FolderJob;
    const files = filesOf(job);
    if (!this.#isReady) {
      this.#startWhenWorthIt(files);
      return undefined;
    }
    return new Promise((resolve) => {
      this.#gathered.push({ job, files, answer: (result) => resolve(result as JobGives<T> | undefined) });
      // What is asked for in the same turn goes together: waking the thread costs more than most jobs.
      if (this.#underWay.length === 0 && this.#gathered.length === 1) setImmediate(() => this.#send());
    });
  }

  #startWhenWorthIt(files: number): void {
    this.#asked += files;
    if (!HELD_FOLDERS || this.#worker !== undefined || this.#asked < this.#worthAfter) return;
    const worker = new Worker(new URL('./folder-thread-worker.js', import.meta.url), {
      resourceLimits: SMALL_HEAP,
      // The process's own are for the program that it was started with: `node -e` has some that no thread starts with.
      execArgv: [],
    });
    this.#worker = worker;
    worker.unref();
    worker.on('online', () => {
      this.#isReady = true;
      this.#endWhenIdle();
    });
    worker.on('message', (results: Parcel) => this.#answer(unpack(results)));
    // Whatever ends it: what it has not answered is done in the ordinary way.
    worker.on('error', () => undefined);
    worker.on('exit', () => this.#ended());
  }

  #send(): void {
    if (this.#gathered.length === 0 || this.#underWay.length > 0) return;
    let files = 0;
    const later = this.#gathered.findIndex((waiting) => (files += waiting.files) > FILES_AT_ONCE);
    // One goes at any time, however large it is.
    this.#underWay = this.#gathered.splice(0, later < 0 ? this.#gathered.length : Math.max(1, later));
    this.#worker?.ref();
    const jobs = pack(this.#underWay.map(({ job }) => job));
    this.#worker?.postMessage(jobs, jobs.memory);
  }

  #answer(results: readonly unknown[]): void {
    const answered = this.#underWay;
    this.#underWay = [];
    // First of all, so that the thread has something to do while the answers are taken, which can take as long.
    this.#send();
    for (const [index, { answer }] of answered.entries()) answer(results[index]);
    if (this.#underWay.length > 0) return;
    this.#worker?.unref();
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    this.#ending ??= setTimeout(() => this.#end(), this.#idleMs).unref();
    this.#ending.refresh();
  }

  #end(): void {
    if (this.#underWay.length > 0) return;
    this.#isReady = false;
    void this.#worker?.terminate();
  }

  #ended(): void {
    clearTimeout(this.#ending);
    this.#ending = undefined;
    this.#isReady = false;
    this.#worker = undefined;
    this.#asked = 0;
    const unanswered = [...this.#underWay.splice(0), ...this.#gathered.splice(0)];
    for (const { answer } of unanswered) answer(undefined);
  }
}

/** How many files a job is worth, at least one. */
const filesOf = (job: FolderJob): number => {
  const files = 'files' in job ? job.files : 'of' in job ? job.of : [];
  return Math.max(1, files.length);
};

/** One for all stores of a process, like the threads that Node has for other calls: two would only be in each other's way. */
export const folderThread = new FolderThread();
