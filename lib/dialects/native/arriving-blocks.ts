import { Subject } from 'rxjs';
import type { SluiceError } from '../../errors/errors.ts';
import type { DigestName } from '../../operators/digest.ts';
import { MAX_RANGES } from '../../protocol/block.ts';
import type { BlockDigests } from '../../store/checkpoint.ts';
import type { ArrivedBlock } from './content-reader.ts';

export interface ArrivingBlocksOptions {
  readonly algorithm: DigestName;
  /** Whether blocks that are missing in the middle can be asked for later. */
  readonly mayHaveHoles: boolean;
  /** In how many segments the content comes, of which these blocks are one. @default 1 */
  readonly segments?: number;
}

/**
 * The blocks of a content as they arrive, for whoever keeps it: those that are broken on the way are left out, and the others
 * are good all the same, so that only these have to be sent again.
 */
export class ArrivingBlocks implements BlockDigests {
  readonly algorithm: DigestName;
  readonly digest$: BlockDigests['digest$'];
  readonly #digest$ = new Subject<string | undefined>();
  /** How many may still be left out, so that what is there can be said in as many runs as the protocol has. */
  #holesLeft: number;
  #firstHole: SluiceError | undefined;

  constructor({ algorithm, mayHaveHoles, segments = 1 }: ArrivingBlocksOptions) {
    this.algorithm = algorithm;
    this.digest$ = this.#digest$.asObservable();
    this.#holesLeft = mayHaveHoles ? Math.floor(MAX_RANGES / segments) - 1 : 0;
  }

  /** Why the first of those that were left out is broken. */
  get firstHole(): SluiceError | undefined {
    return this.#firstHole;
  }

  /**
   * To be told of each block before its bytes are handed on. Throws why a block is broken where the content cannot go on
   * without it: nobody keeps what is good, or there are too many.
   */
  add({ digest, broken }: ArrivedBlock): void {
    if (broken === undefined) return this.#digest$.next(digest);
    if (this.#holesLeft === 0 || !this.#digest$.observed) throw broken;
    this.#holesLeft -= 1;
    this.#firstHole ??= broken;
    this.#digest$.next(undefined);
  }
}
