import { LimitError } from '../errors/errors.ts';

/** Counts the transfers of all sessions, each of which holds a few MiB. */
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
}
