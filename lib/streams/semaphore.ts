/** Lets so many pieces of work run at a time; others wait, and begin in the order in which they came. Holds what waits. */
export class Semaphore {
  readonly #width: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#width = width;
  }

  /** Runs work: at once where there is room, and so before this returns. Settles as the work does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#width) this.#running += 1;
    else await new Promise<void>((begin) => this.#waiting.push(begin));
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** Whoever waits longest takes the place, so that nobody who comes just now gets in before. */
  #next(): void {
    const begin = this.#waiting.shift();
    if (begin === undefined) this.#running -= 1;
    else begin();
  }
}

// As many as Node has threads for them: more would wait there in an order that nobody chose, and come back in crowds that keep
// everything else from the loop.
const THREADS = 4;

/** For the reads and writes of file contents of the whole process: those of several files wait for each other. */
export const contentAccess = new Semaphore(THREADS);
