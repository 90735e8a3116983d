import { type Observable, type ObservableInput, defer, finalize, firstValueFrom, from, merge, timer } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import { type RemotePath, formatPath } from '../protocol/path.ts';

// What is let go of may have to be written to a slow disk first.
const FREEING_MS = 5000;

/** Who holds a lock, where somebody may come back for it. */
export interface LockHolder {
  /** The same for every session that has a right to it. */
  readonly owner: string;
  readonly isAlive: () => Promise<boolean>;
  /** Ends the work, which frees the lock. */
  readonly evict: () => void;
}

interface Lock {
  readonly what: string;
  /** Who may have to give way, and what resolves when the lock is free again. */
  readonly held: { readonly by: LockHolder; readonly freed: Promise<void> } | undefined;
}

/**
 * The paths of one store that somebody is changing. A file that is being written, moved or deleted is nobody else's
 * meanwhile, and neither is anything below a folder that is: whoever asks is told at once, with `BUSY`, what is going on.
 */
export class Locks {
  readonly #locked = new Map<string, Lock>();

  /** How many paths are locked. */
  get size(): number {
    return this.#locked.size;
  }

  /** Whether that very path is locked. */
  isHeld(path: RemotePath): boolean {
    return this.#locked.has(keyOf(path));
  }

  /** Throws `BUSY` if the path, or a folder around it, is being changed. */
  assertFree(path: RemotePath): void {
    for (let key = keyOf(path); key.length > 1; key = key.slice(0, key.lastIndexOf('/'))) {
      const held = this.#locked.get(key);
      if (held !== undefined) throw busy(key, held.what);
    }
  }

  /**
   * Runs work while the paths, and all that is below them, are this one's; `what` is what others are told ("is being
   * uploaded"). Errors with `BUSY`. The paths are free again when the work ends, fails or is unsubscribed.
   */
  while<T>(
    paths: readonly RemotePath[],
    what: string,
    work: () => ObservableInput<T>,
    holder?: LockHolder,
  ): Observable<T> {
    return defer(() => {
      const free = this.#take(paths, what, holder);
      return defer(work).pipe(finalize(free));
    });
  }

  /**
   * Frees a path that the same owner's dead session, or an upload that was given up, still holds; whoever else holds it
   * keeps it. Resolves when that is settled either way, or takes too long.
   */
  async takeOver(path: RemotePath, owner: string): Promise<void> {
    const { held } = this.#locked.get(keyOf(path)) ?? {};
    if (held?.by.owner !== owner || (await held.by.isAlive())) return;
    held.by.evict();
    await firstValueFrom(merge(from(held.freed), timer(FREEING_MS)));
  }

  /** The same for work that cannot be cancelled half-way: the paths stay locked until it has settled. Rejects as it does. */
  async whileSettling<T>(paths: readonly RemotePath[], what: string, work: () => Promise<T>): Promise<T> {
    const free = this.#take(paths, what);
    try {
      return await work();
    } finally {
      free();
    }
  }

  #take(paths: readonly RemotePath[], what: string, holder?: LockHolder): () => void {
    for (const path of paths) this.#assertUnused(path);
    const keys = paths.map(keyOf);
    let tellFreed: () => void = () => undefined;
    const held = holder && { by: holder, freed: new Promise<void>((resolve) => (tellFreed = resolve)) };
    for (const key of keys) this.#locked.set(key, { what, held });
    return () => {
      keys.forEach((key) => this.#locked.delete(key));
      tellFreed();
    };
  }

  #assertUnused(path: RemotePath): void {
    this.assertFree(path);
    const below = `${keyOf(path)}/`;
    for (const [key, { what }] of this.#locked) if (key.startsWith(below)) throw busy(key, what);
  }
}

const keyOf = (path: RemotePath): string => formatPath(path);

const busy = (key: string, what: string): FileError => new FileError('BUSY', `${key}: ${what}`);
