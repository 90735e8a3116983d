import { type Digest, type DigestName, createDigest } from '../../operators/digest.ts';

/**
 * The digest that stands for a whole content: of one block, that block's own; of several, the digest of their digests
 * one behind the other. So it needs no second look at any byte. Holds one digest.
 */
export class ContentDigest {
  readonly #name: DigestName;
  #first: string | undefined;
  #rest: Digest | undefined;

  constructor(name: DigestName) {
    this.#name = name;
  }

  /** Takes the digest of the next block. */
  add(block: string): void {
    if (this.#first === undefined) {
      this.#first = block;
      return;
    }
    if (this.#rest === undefined) {
      this.#rest = createDigest(this.#name);
      this.#rest.update(Buffer.from(this.#first, 'hex'));
    }
    this.#rest.update(Buffer.from(block, 'hex'));
  }

  /** To be called once, after the last block; of no block at all, as of one without bytes. */
  finish(): string {
    return this.#rest?.finish() ?? this.#first ?? createDigest(this.#name).finish();
  }
}
