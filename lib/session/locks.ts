import { type Observable, type ObservableInput, defer, finalize, firstValueFrom, from, merge, timer } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import type { RemotePath } from '../protocol/path.ts';

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

/** A name that is locked, or is on the way to one that is. */
class Name {
  readonly #around: Name | undefined;
  readonly #name: string;
  #below: Map<string, Name> | undefined;
  lock: Lock | undefined;

  constructor(name = '', around?: Name) {
    this.#name = name;
    this.#around = around;
  }

  get path(): string {
    return this.#around === undefined ? '' : `${this.#around.path}/${this.#name}`;
  }

  /** One of those directly below. */
  find(name: string): Name | undefined {
    return this.#below?.get(name);
  }

  /** The same, made where it is missing. */
  make(name: string): Name {
    this.#below ??= new Map();
    const found = this.#below.get(name) ?? new Name(name, this);
    this.#below.set(name, found);
    return found;
  }

  /** One that is locked below, however deep. */
  findLocked(): Name | undefined {
    for (const name of this.#below?.values() ?? []) return name.lock ? name : name.findLocked();
    return undefined;
  }

  /** Forgets it, and those around it that led to no other. */
  unlock(): void {
    this.lock = undefined;
    this.#removeUnused();
  }

  #removeUnused(): void {
    const around = this.#around;
    if (around === undefined || this.lock !== undefined || (this.#below?.size ?? 0) > 0) return;
    around.#below?.delete(this.#name);
    around.#removeUnused();
  }
}

/**
 * The paths of one store that somebody is changing. A file that is being written, moved or deleted is nobody else's
 * meanwhile, and neither is anything below a folder that is: whoever asks is told at once, with `BUSY`, what is going on.
 */
export class Locks {
  readonly #root = new Name();
  #size = 0;

  /** How many paths are locked. */
  get size(): number {
    return this.#size;
  }

  /** Whether that very path is locked. */
  isHeld(path: RemotePath): boolean {
    return this.#find(path)?.lock !== undefined;
  }

  /** Throws `BUSY` if the path, or a folder around it, is being changed. */
  assertFree(path: RemotePath): void {
    let name: Name | undefined = this.#root;
    for (const segment of path) {
      name = name.find(segment);
      if (name === undefined) return;
      if (name.lock !== undefined) throw busy(name, name.lock);
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
    const { held } = this.#find(path)?.lock ?? {};
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
    let tellFreed: () => void = () => undefined;
    const held = holder && { by: holder, freed: new Promise<void>((resolve) => (tellFreed = resolve)) };
    const names = new Set(paths.map((path) => path.reduce((name, segment) => name.make(segment), this.#root)));
    for (const name of names) name.lock = { what, held };
    this.#size += names.size;
    return () => {
      for (const name of names) name.unlock();
      this.#size -= names.size;
      tellFreed();
    };
  }

  #assertUnused(path: RemotePath): void {
    this.assertFree(path);
    const below = path.length > 0 ? this.#find(path)?.findLocked() : undefined;
    if (below?.lock !== undefined) throw busy(below, below.lock);
  }

  #find(path: RemotePath): Name | undefined {
    return path.reduce<Name | undefined>((name, segment) => name?.find(segment), this.#root);
  }
}

const busy = ({ path }: Name, { what }: Lock): FileError => new FileError('BUSY', `${path}: ${what}`);
