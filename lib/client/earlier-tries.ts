import { type RemotePath, formatPath } from '../protocol/path.ts';

/**
 * What the earlier tries of a tree have brought, told by what the next one finds there: so each file counts once in a sum
 * over all of them, however often it was sent. Holds the path of each file that was begun.
 */
export class EarlierTries {
  readonly #begun = new Set<string>();
  #files = 0;
  #bytes = 0;

  /** Files that earlier tries began, and that this one has found in their places so far. */
  get files(): number {
    return this.#files;
  }

  /** Bytes of those. */
  get bytes(): number {
    return this.#bytes;
  }

  /** To be told when a try begins, which looks at everything anew. */
  beginTry(): void {
    this.#files = this.#bytes = 0;
  }

  /** To be told of each file that is begun. */
  begin(path: RemotePath): void {
    this.#begun.add(formatPath(path));
  }

  /** To be told of each file that is there already, as it shall be. */
  find(path: RemotePath, size: number): void {
    if (!this.#begun.has(formatPath(path))) return;
    this.#files += 1;
    this.#bytes += size;
  }
}
