import {
  BehaviorSubject,
  EMPTY,
  type Observable,
  Subject,
  concat,
  defer,
  ignoreElements,
  takeWhile,
  throwError,
} from 'rxjs';
import type { SluiceError } from '../../errors/errors.ts';
import type { DigestName } from '../../operators/digest.ts';
import { MAX_RANGES } from '../../protocol/block.ts';
import type { BlockDigests } from '../../store/checkpoint.ts';
import type { ArrivedBlock } from './content-reader.ts';

/**
 * What would be missing of a content if it broke off: the rest of each segment that still comes, and the blocks that were left
 * out. No more than can be asked for at once.
 */
export class Gaps {
  readonly #running$: BehaviorSubject<number>;
  #holes = 0;

  /** For a content that comes in so many segments. */
  constructor(segments = 1) {
    this.#running$ = new BehaviorSubject(segments);
  }

  /** Leaves a block out; false if that is one too many. Behind the last one of a segment nothing else is missing. */
  add(isLast: boolean): boolean {
    const others = this.#running$.value - (isLast ? 1 : 0) + this.#holes;
    if (others >= MAX_RANGES) return false;
    this.#holes += 1;
    return true;
  }

  /** To be told of each segment that has come to its end. */
  endSegment(): void {
    this.#running$.next(this.#running$.value - 1);
  }

  /** Completes when all have. */
  get allEnded$(): Observable<never> {
    return this.#running$.pipe(
      takeWhile((running) => running > 0),
      ignoreElements(),
    );
  }
}

/**
 * The blocks of a content, or of one segment of it, as they arrive, for whoever keeps them: one that is broken on the way is
 * left out, and the others are good all the same, so that it alone has to be sent again.
 */
export class ArrivingBlocks implements BlockDigests {
  readonly algorithm: DigestName;
  readonly digest$: Observable<string>;
  readonly withHoles$: Observable<string | SluiceError>;
  readonly #digest$ = new Subject<string>();
  readonly #withHoles$ = new Subject<string | SluiceError>();
  readonly #gaps: Gaps | undefined;
  #broken: SluiceError | undefined;

  /** Without `gaps` where a block cannot be asked for alone: the first that is broken ends the content. */
  constructor(algorithm: DigestName, gaps?: Gaps) {
    this.algorithm = algorithm;
    this.digest$ = this.#digest$.asObservable();
    this.withHoles$ = this.#withHoles$.asObservable();
    this.#gaps = gaps;
  }

  /**
   * To be told of each block before its bytes are handed on. Throws why one is broken where the content cannot go on without
   * it: it could not be asked for alone, or nobody keeps the others.
   */
  add({ digest, broken, isLast }: ArrivedBlock): void {
    if (broken === undefined) {
      this.#digest$.next(digest);
      return this.#withHoles$.next(digest);
    }
    if (!this.#withHoles$.observed || this.#gaps?.add(isLast) !== true) throw broken;
    this.#broken ??= broken;
    this.#withHoles$.next(broken);
  }

  /**
   * To be subscribed behind the last block: completes if none was broken, and otherwise errors with the first of them when all
   * segments have come to their ends, so that nothing of the others has to be sent again.
   */
  get end$(): Observable<never> {
    return defer(() => {
      const gaps = this.#gaps;
      const broken = this.#broken;
      gaps?.endSegment();
      // Without gaps no broken block got so far.
      if (gaps === undefined || broken === undefined) return EMPTY;
      return concat(
        gaps.allEnded$,
        throwError(() => broken),
      );
    });
  }
}
