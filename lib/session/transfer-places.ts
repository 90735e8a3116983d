import { LimitError } from '../errors/errors.ts';

/** Counts the transfers of all sessions, and the segments beyond the first of each: every one holds a few MiB. */
export class TransferPlaces {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place and gives back what frees it; throws `TOO_MANY_TRANSFERS` where there is none. */
  enter(): () => void {
    if (this.#taken >= this.#limit)
      throw new LimitError('TOO_MANY_TRANSFERS', `${this.#limit} transfers are running on this server already`);
    this.#taken += 1;
    return () => (this.#taken -= 1);
  }

  /** Takes as many places as there are, at most so many, and gives back their number and what frees them. */
  enterUpTo(count: number): { readonly count: number; readonly leave: () => void } {
    const taken = Math.max(0, Math.min(count, this.#limit - this.#taken));
    this.#taken += taken;
    return { count: taken, leave: () => (this.#taken -= taken) };
  }
}
