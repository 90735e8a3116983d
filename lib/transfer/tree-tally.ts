import { type Observable, type OperatorFunction, defer, endWith, map, tap } from 'rxjs';
import type { Progress } from '../streams/flow.ts';
import type { TreeCount, TreeItem } from './tree.ts';

/** How far a file of a tree is; `resumed` of its bytes were there from an earlier try. */
export type TreeFileProgress = Progress & { readonly resumed?: number };

/** Sums up how the files of a tree, which go side by side, are doing. */
export class TreeTally {
  #files = 0;
  #bytes = 0;
  #resumed = 0;
  #skipped = 0;
  #failed = 0;

  get count(): TreeCount {
    const resumed = this.#resumed > 0 ? { resumed: this.#resumed } : {};
    return { files: this.#files, bytes: this.#bytes, ...resumed, skipped: this.#skipped, failed: this.#failed };
  }

  /** Counts an item that failed. */
  failed({ path, error }: Extract<TreeItem, { kind: 'failed' }>): TreeCount {
    this.#failed += 1;
    return { ...this.count, problem: { path, error } };
  }

  /** Counts one file by its progress, and as done when that completes; one that fails has no bytes. */
  file(): OperatorFunction<TreeFileProgress | 'skipped', TreeCount> {
    return (progress$: Observable<TreeFileProgress | 'skipped'>) =>
      defer(() => {
        let counted = { bytes: 0, resumed: 0 };
        const count = ({ bytes, resumed = 0 }: TreeFileProgress) => {
          this.#bytes += bytes - counted.bytes;
          this.#resumed += resumed - counted.resumed;
          counted = { bytes, resumed };
        };
        let isSkipped = false;
        return progress$.pipe(
          map((progress) => {
            if (progress === 'skipped') isSkipped = true;
            else count(progress);
            return this.count;
          }),
          tap({ error: () => count({ bytes: 0 }) }),
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
