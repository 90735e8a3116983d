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

  constructor(store: FolderStore, root: RemotePath) {
    this.#store = store;
    this.#root = root;
  }

  /** Makes a folder, seen from the tree's root, unless it is there; behind the one around it. */
  async make(path: RemotePath): Promise<void> {
    const key = formatPath(path);
    const around = this.#making.get(formatPath(path.slice(0, -1)));
    const made = (around ?? Promise.resolve()).then(() => ensureFolder(this.#store, [...this.#root, ...path]));
    this.#making.set(
      key,
      made.catch(() => undefined).finally(() => this.#making.delete(key)),
    );
    return made;
  }

  /** Does something in a folder as soon as it is made, or at once if it is not under way. What is wrong with it shows then. */
  behind<T>(folder: RemotePath, act: () => ObservableInput<T>): ObservableInput<T> {
    const made = this.#making.get(formatPath(folder));
    return made === undefined ? act() : from(made).pipe(mergeMap(act));
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
