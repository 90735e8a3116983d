import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import type { Side } from '../measure/peer.ts';
import type { Usage } from '../measure/usage.ts';
import { ownSeconds, processTree, treeUsage } from './process-tree.ts';

// Often enough to see a process that serves one connection, seldom enough to cost next to nothing.
const LOOK_MS = 20;
const READY_MS = 10_000;
const KEPT_OUTPUT = 2000;

// Time for processes that serve a connection to see that it has gone, and for the program to take note of that.
const GOODBYE_MS = 1000;

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it reads commands on standard input. A server that finds a pipe there may think that it is a connection. */
  readonly takesInput?: boolean;
  /** Aborting kills it and its descendants. */
  readonly signal?: AbortSignal;
}

/** A foreign program that runs until it is closed, with whatever processes it starts. */
export class Program implements Side {
  readonly process: ChildProcess;
  readonly #pid: number;
  readonly #ended: Promise<void>;
  readonly #watch: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  // Processor seconds of every process that was ever seen: some servers do not wait for those they start.
  readonly #seenSeconds = new Map<number, number>();
  #cpuSeconds = 0;
  #peakBytes = 0;
  #hasEnded = false;
  #output = '';

  private constructor(child: ChildProcess, pid: number, signal: AbortSignal | undefined) {
    this.process = child;
    this.#pid = pid;
    this.#signal = signal;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.#hasEnded = true;
        clearInterval(this.#watch);
        resolve();
      });
    });
    // What it says is told when it fails.
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
    });
    this.#watch = setInterval(() => this.#look(), LOOK_MS);
    signal?.addEventListener('abort', this.#kill);
    if (signal?.aborted) this.#kill();
  }

  /** Starts a program. Rejects if there is none of that name. */
  static async start(
    file: string,
    args: readonly string[],
    { env, takesInput = false, signal }: ProgramOptions,
  ): Promise<Program> {
    const options: SpawnOptions = {
      stdio: [takesInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', ...env },
    };
    const child = spawn(file, args, options);
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    // A pipe to a program that has ended is no news: its end is.
    child.stdin?.on('error', () => undefined);
    if (child.pid === undefined) throw new Error(`${file} did not start`);
    return new Program(child, child.pid, signal);
  }

  /** What it said on standard error last. */
  get output(): string {
    return this.#output.trim();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Settles when the program has ended, for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  usage(): Promise<Usage> {
    this.#look();
    return Promise.resolve({ cpuSeconds: this.#cpuSeconds, peakBytes: this.#peakBytes });
  }

  /** The most memory that its processes had at a time, as far as it was seen. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** Ends the program, and first gives processes that serve a connection time to end when their clients have. */
  async close(): Promise<void> {
    const deadline = performance.now() + GOODBYE_MS;
    while (!this.#hasEnded && processTree(this.#pid).length > 1 && performance.now() < deadline) await wait(5);
    this.#kill();
    await this.#ended;
    this.#signal?.removeEventListener('abort', this.#kill);
  }

  #look(): void {
    if (this.#hasEnded) return;
    const { cpuSeconds, peakBytes } = treeUsage(this.#pid);
    for (const pid of processTree(this.#pid))
      this.#seenSeconds.set(pid, Math.max(ownSeconds(pid), this.#seenSeconds.get(pid) ?? 0));
    const seen = [...this.#seenSeconds.values()].reduce((total, seconds) => total + seconds, 0);
    // The first misses processes that nobody waited for, the second those that came and went between two looks.
    this.#cpuSeconds = Math.max(this.#cpuSeconds, cpuSeconds, seen);
    this.#peakBytes = Math.max(this.#peakBytes, peakBytes);
  }

  // All of them by number: a server's processes for its connections may outlive it.
  readonly #kill = (): void => {
    if (this.#hasEnded) return;
    for (const pid of processTree(this.#pid))
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
  };
}

/** Asks again and again, until the answer is yes; rejects when the program ends first, after 10 s, or when aborted. */
export const waitUntil = async (
  program: Program,
  isReady: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> => {
  const deadline = performance.now() + READY_MS;
  while (!(await isReady())) {
    signal.throwIfAborted();
    if (program.hasEnded) throw new Error(`a server ended at once: ${program.output}`);
    if (performance.now() > deadline) throw new Error('a server did not answer in time');
    await wait(10);
  }
};
