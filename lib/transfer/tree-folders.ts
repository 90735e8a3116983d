import { type ObservableInput, from, mergeMap } from 'rxjs';
import { SluiceError } from '../errors/errors.ts';
import { type RemotePath, formatPath } from '../protocol/path.ts';
import type { Store } from '../store/store.ts';
import { statIfThere } from './overwrite.ts';

/** What of a store is needed to make a tree's folders in it. */
export type FolderStore = Pick<Store, 'stat' | 'makeFolder' | 'ensureFolder'>;

/** The folders of a tree that is arriving: made side by side, each before anything in it begins. Holds those under way. */
export class TreeFolders {
  readonly #store: FolderStore;
  readonly #root: RemotePath;
  /** What is settled, one way or the other, when a folder is made. */
  readonly #making = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(store: FolderStore, root: RemotePath) {
    this.#store = store;
    this.#root = root;
  }

  /** Makes a folder, seen from the tree's root, unless it is there; behind the one around it. */
  make(path: RemotePath): Promise<void> {
    const made = this.#make(path, this.#making.get(formatPath(path.slice(0, -1))));
    this.#making.set(
      formatPath(path),
      made.catch(() => undefined),
    );
    return made;
  }

  async #make(path: RemotePath, around: Promise<void> | undefined): Promise<void> {
    await around;
    try {
      if (!this.#isClosed) await ensureFolder(this.#store, [...this.#root, ...path]);
    } finally {
      this.#making.delete(formatPath(path));
    }
  }

  /** Does something in a folder as soon as it is made, or at once if it is not under way. What is wrong with it shows then. */
  behind<T>(folder: RemotePath, act: () => ObservableInput<T>): ObservableInput<T> {
    const made = this.#making.get(formatPath(folder));
    return made === undefined ? act() : from(made).pipe(mergeMap(act));
  }

  /** Does something as soon as every folder that is under way is made, or cannot be; not at all after `close`. */
  async behindAll<T>(act: () => Promise<T>): Promise<T | undefined> {
    // At once where none is: what came just before the end still begins.
    if (this.#making.size > 0) await Promise.all(this.#making.values());
    return this.#isClosed ? undefined : act();
  }

  /** Nothing is made any more, but for what is under way. */
  close(): void {
    this.#isClosed = true;
  }
}

const ensureFolder = async (store: FolderStore, path: RemotePath): Promise<void> => {
  if (await store.ensureFolder?.(path)) return;
  const there = await statIfThere(store, path);
  if (there?.kind === 'folder') return;
  try {
    await store.makeFolder(path);
  } catch (error) {
    // Somebody else may just have made it.
    const isThere = error instanceof SluiceError && error.code === 'EXISTS';
    if (!isThere || (await store.stat(path)).kind !== 'folder') throw error;
  }
};
