import type { Progress } from '../streams/flow.ts';
import type { TreeCount, TreeProblem } from './tree.ts';

/** How far a file of a tree is; `resumed` of its bytes were there from an earlier try. */
export type TreeFileProgress = Progress & { readonly resumed?: number };

/** What is to be told of one file. */
export interface FileCount {
  /** How far it is, or that it stays as it is. */
  at(progress: TreeFileProgress | 'skipped'): void;
  /** It is done. */
  end(): void;
  /** It failed, and so none of its bytes count. */
  fail(): void;
}

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

  /** Counts an item that failed, and gives what is to be told of it. */
  failed({ path, error }: TreeProblem): TreeProblem {
    this.#failed += 1;
    return { path, error };
  }

  /** Counts a file that was written at one go. */
  written(bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
  }

  /** Counts one file as far as it is told of. */
  file(): FileCount {
    let counted = { bytes: 0, resumed: 0 };
    let isSkipped = false;
    const count = (bytes: number, resumed: number): void => {
      this.#bytes += bytes - counted.bytes;
      this.#resumed += resumed - counted.resumed;
      counted = { bytes, resumed };
    };
    return {
      at: (progress) => {
        if (progress === 'skipped') isSkipped = true;
        else count(progress.bytes, progress.resumed ?? 0);
      },
      end: () => {
        if (isSkipped) this.#skipped += 1;
        else this.#files += 1;
      },
      fail: () => count(0, 0),
    };
  }
}
