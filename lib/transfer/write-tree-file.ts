import { type Observable, defer, from, map, mergeMap, of } from 'rxjs';
import { SMALL_FILE_BYTES } from '../protocol/block.ts';
import { PERMISSION_BITS } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Store } from '../store/store.ts';
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

/** Writes a file of a tree to its place, whole or not at all, with its own time and permissions. */
export const writeTreeFile =
  (place: { readonly store: Store; readonly path: RemotePath }, { overwrite, fsync, keep }: WriteTreeFileOptions) =>
  ({ size, modified, mode, content, whole, blocks }: TreeFile, valve: Valve): Observable<Progress | 'skipped'> => {
    const { store, path } = place;
    const options = { size, modified, mode: mode & PERMISSION_BITS, replace: overwrite !== 'refuse', fsync };
    const write = () => {
      if (store.writeSmall && whole && whole.length === size && size <= SMALL_FILE_BYTES)
        return from(store.writeSmall(path, whole, options)).pipe(map(() => ({ bytes: size })));
      const kept = keep && blocks ? { size, modified, ...blocks } : undefined;
      return content(valve.open$).pipe(toStore(store, path, { ...options, keep: kept })(valve));
    };
    // What there is nothing to ask about is not waited for: in a tree that would be a turn for each file.
    if (overwrite === 'overwrite') return write();
    return from(defer(() => decideOverwrite(store, path, overwrite, modified))).pipe(
      mergeMap((decision) => (decision === 'skip' ? of('skipped' as const) : write())),
    );
  };
