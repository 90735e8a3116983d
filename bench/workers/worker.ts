import { type ChildProcess, fork } from 'node:child_process';
import type { Usage } from '../measure/usage.ts';
import type { Answer, Call, Calls } from './answer-calls.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A child process of the bench, and the calls it offers. */
export class Worker<C extends Calls> {
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  /** Starts a program that calls `answerCalls`; aborting kills it. Its output goes to standard error. */
  constructor(program: URL, signal: AbortSignal) {
    this.#process = fork(program, { stdio: ['ignore', 2, 2, 'ipc'], signal, killSignal: 'SIGKILL' });
    this.#process.on('message', (answer: Answer) => this.#settle(answer));
    this.#process.on('error', (error) => this.#fail(error));
    this.#ended = new Promise<void>((resolve) => {
      this.#process.once('exit', () => resolve());
      // A process that could not be started has no end.
      if (this.#process.pid === undefined) resolve();
    }).then(() => this.#fail(new Error('a worker process ended before its work did')));
  }

  /** Calls one of the worker's functions. Rejects with its error, or when the process ends first. */
  call<N extends string & keyof C>(name: N, argument: Parameters<C[N]>[0]): Promise<Awaited<ReturnType<C[N]>>> {
    return this.#ask(name, argument) as Promise<Awaited<ReturnType<C[N]>>>;
  }

  usage(): Promise<Usage> {
    return this.#ask('usage', undefined) as Promise<Usage>;
  }

  /** Ends the process and waits for that. Harmless when it has ended already. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }

  #ask(name: string, argument: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = (this.#lastId += 1);
      this.#pending.set(id, { resolve, reject });
      const call: Call = { id, name, argument };
      this.#process.send(call, (error) => {
        if (error) this.#fail(error);
      });
    });
  }

  #settle({ id, value, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(value);
    else pending?.reject(new Error(error));
  }

  #fail(error: Error): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}
