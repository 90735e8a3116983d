import { LimitError } from '../errors/errors.ts';
import { networkOf } from '../net/address.ts';

export interface AdmissionLimits {
  readonly total: number;
  readonly perAddress: number;
}

/** Counts the connections of a server, in all and by address. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byNetwork = new Map<string, number>();
  #total = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Counts one more connection; throws `SERVER_FULL` where there is no place. */
  enter(address: string): void {
    const network = networkOf(address);
    const here = this.#byNetwork.get(network) ?? 0;
    const { total, perAddress } = this.#limits;
    if (this.#total >= total) throw new LimitError('SERVER_FULL', `the server is full (${total} sessions)`);
    if (here >= perAddress)
      throw new LimitError('SERVER_FULL', `the server takes ${perAddress} sessions from one address`);
    this.#total += 1;
    this.#byNetwork.set(network, here + 1);
  }

  /** Counts one less, that had entered. */
  leave(address: string): void {
    const network = networkOf(address);
    this.#total -= 1;
    const left = (this.#byNetwork.get(network) ?? 1) - 1;
    if (left > 0) this.#byNetwork.set(network, left);
    else this.#byNetwork.delete(network);
  }
}
