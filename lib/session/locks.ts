import { type Observable, defer, finalize } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import { type RemotePath, formatPath } from '../protocol/path.ts';

/**
 * The paths of one store that somebody is changing. A file that is being written, moved or deleted is nobody else's
 * meanwhile, and neither is anything below a folder that is: whoever asks is told at once, with `BUSY`, what is going on.
 */
export class Locks {
  readonly #held = new Map<string, string>();

  /** How many paths are locked. */
  get size(): number {
    return this.#held.size;
  }

  /** Throws `BUSY` if the path, or a folder around it, is being changed. */
  assertFree(path: RemotePath): void {
    for (let length = path.length; length > 0; length -= 1) {
      const what = this.#held.get(keyOf(path.slice(0, length)));
      if (what !== undefined) throw busy(path.slice(0, length), what);
    }
  }

  /**
   * Runs work while the paths, and all that is below them, are this one's; `what` is what others are told ("is being
   * uploaded"). Errors with `BUSY`. The paths are free again when the work ends, fails or is unsubscribed.
   */
  while<T>(paths: readonly RemotePath[], what: string, work: () => Observable<T>): Observable<T> {
    return defer(() => {
      const free = this.#take(paths, what);
      return defer(work).pipe(finalize(free));
    });
  }

  /** The same for work that cannot be cancelled half-way: the paths stay locked until it has settled, watched or not. */
  whileSettling<T>(paths: readonly RemotePath[], what: string, work: () => Promise<T>): Observable<T> {
    return defer(() => {
      const free = this.#take(paths, what);
      return (async () => work())().finally(free);
    });
  }

  #take(paths: readonly RemotePath[], what: string): () => void {
    for (const path of paths) this.#assertUnused(path);
    const keys = paths.map(keyOf);
    for (const key of keys) this.#held.set(key, what);
    return () => keys.forEach((key) => this.#held.delete(key));
  }

  #assertUnused(path: RemotePath): void {
    this.assertFree(path);
    const below = `${keyOf(path)}/`;
    for (const [key, what] of this.#held) if (key.startsWith(below)) throw busy(key.slice(1).split('/'), what);
  }
}

const keyOf = (path: RemotePath): string => formatPath(path);

const busy = (path: RemotePath, what: string): FileError => new FileError('BUSY', `${formatPath(path)}: ${what}`);
