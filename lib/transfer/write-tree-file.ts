import { type ObservableInput, defer, from, mergeMap, of } from 'rxjs';
import { SMALL_FILE_BYTES } from '../protocol/block.ts';
import { PERMISSION_BITS } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { PartOptions, Store } from '../store/store.ts';
import type { Progress } from '../streams/flow.ts';
import type { Valve } from '../streams/valve.ts';
import { type OverwritePolicy, decideOverwrite } from './overwrite.ts';
import { toStore } from './to-store.ts';
import type { TreeFile } from './tree.ts';

export interface WriteTreeFileOptions {
  readonly overwrite: OverwritePolicy;
  readonly fsync: boolean;
  /** Whether what was verified of a file outlives a tree that breaks off. */
  readonly keep: boolean;
}

interface TreeFilePlace {
  readonly store: Store;
  readonly path: RemotePath;
}

/** Writes a file of a tree to its place, whole or not at all, with its own time and permissions. */
export const writeTreeFile =
  (place: TreeFilePlace, options: WriteTreeFileOptions) =>
  (file: TreeFile, valve: Valve): ObservableInput<Progress | 'skipped'> => {
    const { store, path } = place;
    if (canWriteWhole(store, file)) return writeWholeFile(place, options)(file);
    const { overwrite, keep } = options;
    const { size, modified, content, blocks } = file;
    const write = () =>
      content(valve.open$).pipe(
        toStore(store, path, {
          ...partOptions(file, options),
          keep: keep && blocks ? { size, modified, ...blocks } : undefined,
        })(valve),
      );
    return from(defer(() => decideOverwrite(store, path, overwrite, modified))).pipe(
      mergeMap((decision) => (decision === 'skip' ? of('skipped' as const) : write())),
    );
  };

/** Whether a file is small, and all there, so that the store can write it at one go. */
export const canWriteWhole = (store: Store, { whole, size }: TreeFile): boolean =>
  store.writeSmall !== undefined && whole?.length === size && size <= SMALL_FILE_BYTES;

/** The same as `writeTreeFile` for such a file: cannot be taken back once it has begun. */
export const writeWholeFile =
  ({ store, path }: TreeFilePlace, options: WriteTreeFileOptions) =>
  async (file: TreeFile): Promise<Progress | 'skipped'> => {
    const { whole = Buffer.alloc(0), size, modified } = file;
    if ((await decideOverwrite(store, path, options.overwrite, modified)) === 'skip') return 'skipped';
    await store.writeSmall?.(path, whole, partOptions(file, options));
    return { bytes: size };
  };

const partOptions = ({ size, modified, mode }: TreeFile, { overwrite, fsync }: WriteTreeFileOptions): PartOptions => ({
  size,
  modified,
  mode: mode & PERMISSION_BITS,
  replace: overwrite !== 'refuse',
  fsync,
});
