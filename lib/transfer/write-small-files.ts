import { SMALL_FILE_BYTES } from '../protocol/block.ts';
import { PERMISSION_BITS } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { SmallWrite, Store } from '../store/store.ts';
import type { TreeFile, TreeItem } from './tree.ts';
import type { WriteTreeFileOptions } from './write-tree-file.ts';

/** A file of a tree that is small, and all there. */
export type SmallTreeFile = TreeFile & { readonly whole: Buffer };

export const isSmallTreeFile = (item: TreeItem): item is SmallTreeFile =>
  item.kind === 'file' && item.whole?.length === item.size && item.size <= SMALL_FILE_BYTES;

/**
 * Puts small files where they belong, many at one go, and tells which of them are there. Any other, and all of them if it
 * rejects, are to be written one by one, which finds the reason. What has begun cannot be called off.
 */
export type WriteSmallFiles = (files: readonly SmallTreeFile[]) => Promise<readonly boolean[]>;

/**
 * Writes small files of a tree below a folder of a store, each whole or not at all, with its own time and permissions. Nothing
 * where the store, or what is to become of files that are there, takes them one by one.
 */
export const writeSmallFiles = (
  store: Store,
  root: RemotePath,
  { overwrite, fsync }: WriteTreeFileOptions,
): WriteSmallFiles | undefined => {
  const replace = overwrite === 'overwrite';
  if (store.writeSmall === undefined || !(replace || overwrite === 'refuse')) return undefined;
  return async (files) => {
    const writes: SmallWrite[] = [];
    for (const { path, whole, modified, mode } of files)
      writes.push({ path: [...root, ...path], bytes: whole, modified, mode: mode & PERMISSION_BITS });
    return (await store.writeSmall?.(writes, { replace, fsync })) ?? [];
  };
};
