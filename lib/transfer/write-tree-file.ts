import { type ObservableInput, defer, from, mergeMap, of } from 'rxjs';
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
  ({ store, path }: TreeFilePlace, options: WriteTreeFileOptions) =>
  (file: TreeFile, valve: Valve): ObservableInput<Progress | 'skipped'> => {
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

const partOptions = ({ size, modified, mode }: TreeFile, { overwrite, fsync }: WriteTreeFileOptions): PartOptions => ({
  size,
  modified,
  mode: mode & PERMISSION_BITS,
  replace: overwrite !== 'refuse',
  fsync,
});
