import { type Observable, type OperatorFunction, defer, endWith, map } from 'rxjs';
import type { Progress } from '../streams/flow.ts';
import type { TreeCount, TreeItem } from './tree.ts';

/** Sums up how the files of a tree, which go side by side, are doing. */
export class TreeTally {
  #files = 0;
  #bytes = 0;
  #skipped = 0;
  #failed = 0;

  get count(): TreeCount {
    return { files: this.#files, bytes: this.#bytes, skipped: this.#skipped, failed: this.#failed };
  }

  /** Counts an item that failed. */
  failed({ path, error }: Extract<TreeItem, { kind: 'failed' }>): TreeCount {
    this.#failed += 1;
    return { ...this.count, problem: { path, error } };
  }

  /** Counts one file by its progress, and as done when that completes. */
  file(): OperatorFunction<Progress | 'skipped', TreeCount> {
    return (progress$: Observable<Progress | 'skipped'>) =>
      defer(() => {
        let counted = 0;
        let isSkipped = false;
        return progress$.pipe(
          map((progress) => {
            if (progress === 'skipped') isSkipped = true;
            else {
              this.#bytes += progress.bytes - counted;
              counted = progress.bytes;
            }
            return this.count;
          }),
          endWith(undefined),
          map((count) => {
            if (count !== undefined) return count;
            if (isSkipped) this.#skipped += 1;
            else this.#files += 1;
            return this.count;
          }),
        );
      });
  }
}
