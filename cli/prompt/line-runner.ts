import { from, lastValueFrom } from 'rxjs';
import { untilAborted } from '../../lib/index.ts';
import { EXIT } from '../exit-codes.ts';
import type { Reporter } from '../reporter.ts';
import type { PromptSession } from './prompt-session.ts';
import { runLine } from './run-line.ts';

/** Runs the lines of a prompt. */
export class LineRunner {
  readonly #session: PromptSession;
  readonly #reporter: Reporter;
  #running: AbortController | undefined;
  #isLeaving = false;

  constructor(session: PromptSession, reporter: Reporter) {
    this.#session = session;
    this.#reporter = reporter;
  }

  /** Exit code of the first failure; 0 if there was none. */
  get exitCode(): number {
    return this.#reporter.exitCode ?? EXIT.done;
  }

  /** Whether a line asked to leave; later ones do nothing. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Runs one line. Never fails: what goes wrong is reported. */
  async run(line: string): Promise<void> {
    if (this.#isLeaving) return;
    const running = (this.#running = new AbortController());
    const leave = () => (this.#isLeaving = true);
    try {
      const context = { session: this.#session, reporter: this.#reporter, signal: running.signal, leave };
      // A server that does not answer must not keep the prompt from its user.
      await lastValueFrom(from(runLine(line, context)).pipe(untilAborted(running.signal)), { defaultValue: undefined });
    } catch (error) {
      this.#reporter.error(error);
    } finally {
      this.#running = undefined;
    }
  }

  /** Cancels the line that runs; false if none does. */
  cancel(): boolean {
    this.#running?.abort();
    return this.#running !== undefined;
  }
}
