export interface TurnsOptions {
  /** Milliseconds since the first work of a turn of the event loop behind which no more is begun in it. @default 4 */
  readonly budgetMs?: number;
}

/**
 * Spreads work that is never short of more over the turns of the event loop, so that what else waits for the loop, a
 * request or its reply, comes in between. Work is done at once while there is little of it; what goes beyond the turn's
 * budget waits for the next one, in the order in which it was asked for. Holds what waits.
 */
export class Turns {
  readonly #budgetMs: number;
  readonly #waiting: (() => void)[] = [];
  /** When the work of this turn began; nothing before the first of it. */
  #began: number | undefined;
  #isWorking = false;

  constructor({ budgetMs = 4 }: TurnsOptions = {}) {
    this.#budgetMs = budgetMs;
  }

  /** Does the work now or in a later turn. What it throws is thrown here, or goes uncaught. */
  take(work: () => void): void {
    this.#waiting.push(work);
    if (!this.#isWorking) this.#goOn();
  }

  #goOn(): void {
    if (this.#began === undefined) {
      this.#began = performance.now();
      setImmediate(() => this.#endTurn());
    }
    this.#isWorking = true;
    try {
      while (performance.now() - this.#began < this.#budgetMs) {
        const work = this.#waiting.shift();
        if (work === undefined) break;
        work();
      }
    } finally {
      this.#isWorking = false;
    }
  }

  #endTurn(): void {
    this.#began = undefined;
    if (this.#waiting.length > 0) this.#goOn();
  }
}

/** One for the contents of all transfers of a process: its event loop is one too. */
export const contentTurns = new Turns();
