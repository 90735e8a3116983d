import { UnsupportedError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';
import type { Entry } from '../protocol/entry.ts';
import { type RemotePath, foldName, formatPath, lookalike, speakable, unspeakable } from '../protocol/path.ts';
import type { SmallRead, Store } from '../store/store.ts';
import { fromPull } from '../streams/from-pull.ts';
import { fromStore } from './from-store.ts';
import type { ReadSmallFiles, TreeItem, TreeSource } from './tree.ts';

/** What of a store is needed to read a tree out of it. */
type ReadableStore = Pick<Store, 'list' | 'open' | 'readSmall'>;

export interface FromTreeOptions {
  /** Asked for each folder, before its entries come: which of its files are wanted. @default all */
  readonly wanted?: (folder: RemotePath) => Promise<(file: Entry) => boolean>;
  /**
   * Whether of names in a folder that differ only by case all but the first come as failed items, wanted or not; holds the
   * names of one folder. @default false: whoever takes the tree sees them
   */
  readonly distinct?: boolean;
  /** Throws where a file may not be read just now. @default nothing is refused */
  readonly assertFree?: (path: RemotePath) => void;
  /** Whether the failure of one folder means that nothing else can be read, and so fails the whole. @default never */
  readonly isFatal?: (error: unknown) => boolean;
}

/**
 * A folder of a store and all that is in it, folder by folder in the store's own order. Files are opened when their
 * content is subscribed. Links, devices and names that no path can carry come as failed items, and so does a folder that
 * cannot be listed, except the tree's own root, which fails the whole. Holds the names of the folders that are still to be
 * read, and of one folder those that no path can carry.
 */
export const fromTree =
  (store: ReadableStore, root: RemotePath, options: FromTreeOptions = {}): TreeSource =>
  ({ open$ }) =>
    fromPull(walk(store, root, options), open$);

async function* walk(store: ReadableStore, root: RemotePath, options: FromTreeOptions): AsyncGenerator<TreeItem> {
  const readSmall = smallFilesOf(store, root);
  const folders: RemotePath[] = [[]];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const found: RemotePath[] = [];
    const leftOut: string[] = [];
    try {
      const isWanted = await options.wanted?.(folder);
      const names = options.distinct ? new Set<string>() : undefined;
      for await (const entry of store.list([...root, ...folder], (name) => leftOut.push(name))) {
        const path = [...folder, entry.name];
        const name = foldName(entry.name);
        if (names?.has(name)) {
          yield { kind: 'failed', path, error: lookalike(path) };
          continue;
        }
        names?.add(name);
        if (entry.kind === 'folder') {
          found.push(path);
          yield { kind: 'folder', path };
        } else if (entry.kind !== 'file') yield { kind: 'failed', path, error: notCopied(entry, path) };
        else if (isWanted?.(entry) ?? true) yield fileItem(store, root, path, entry, options, readSmall);
      }
      for (const name of leftOut)
        yield { kind: 'failed', path: [...folder, speakable(name)], error: unspeakable(name) };
    } catch (error) {
      if (folder.length === 0 || options.isFatal?.(error)) throw error;
      yield { kind: 'failed', path: folder, error: sluiceError(error) };
    }
    folders.push(...found.reverse());
  }
}

const fileItem = (
  store: ReadableStore,
  root: RemotePath,
  path: RemotePath,
  { size, modified, mode }: Entry,
  { assertFree }: FromTreeOptions,
  readSmall: ReadSmallFiles | undefined,
): TreeItem => {
  const place = [...root, ...path];
  try {
    assertFree?.(place);
    const content = fromStore(store, place);
    return { kind: 'file', path, size, modified, mode, content, readSmall };
  } catch (error) {
    return { kind: 'failed', path, error: sluiceError(error) };
  }
};

const smallFilesOf = (store: ReadableStore, root: RemotePath): ReadSmallFiles | undefined => {
  if (store.readSmall === undefined) return undefined;
  return async (files) => {
    const places: SmallRead[] = [];
    for (const { path, size } of files) places.push({ path: [...root, ...path], size });
    return (await store.readSmall?.(places)) ?? [];
  };
};

const notCopied = ({ kind }: Entry, path: RemotePath) =>
  new UnsupportedError(
    `${formatPath(path)}: is a ${kind === 'link' ? 'symbolic link' : 'device'}, which is not copied`,
  );
