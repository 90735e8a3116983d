import {
  Observable,
  type ObservableInput,
  catchError,
  concat,
  concatMap,
  defer,
  finalize,
  from,
  map,
  mergeMap,
  of,
  tap,
} from 'rxjs';
import { SluiceError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';
import { latestOfTurn } from '../operators/latest-of-turn.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Store } from '../store/store.ts';
import type { Valve } from '../streams/valve.ts';
import { statIfThere } from './overwrite.ts';
import { type TreeFileProgress, TreeTally } from './tree-tally.ts';
import { type TreeCount, type TreeFile, type TreeItem, type TreeProblem, type TreeSink, weightOf } from './tree.ts';

/** Puts one file where it belongs, counting what it holds in the tree's valve; gives `skipped` if what is there stays. */
export type WriteTreeFile = (file: TreeFile, valve: Valve) => ObservableInput<TreeFileProgress | 'skipped'>;

type FolderMaker = Pick<Store, 'stat' | 'makeFolder'>;

export interface ToTreeOptions {
  readonly write: WriteTreeFile;
  /** Files that are written at a time. @default as many as the valve lets come */
  readonly concurrency?: number;
  /** Whether the failure of one file means that no other can succeed, and so fails the whole. @default never */
  readonly isFatal?: (error: unknown) => boolean;
}

/**
 * A folder of a store as the place where a tree goes: makes the folders that are missing, itself among them, and writes
 * the files side by side, each whole or not at all. What fails is counted and told, and harms nothing else; only a root
 * that cannot be made fails the whole. Completes when all is done.
 */
export const toTree =
  (
    store: FolderMaker,
    root: RemotePath,
    { write, concurrency = Infinity, isFatal = () => false }: ToTreeOptions,
  ): TreeSink =>
  (valve) =>
  (item$) =>
    defer(() => {
      const tally = new TreeTally();
      const settle = (item: TreeItem): Observable<Change> => {
        if (item.kind === 'failed') return of(tally.failed(item));
        if (item.kind === 'folder') return of(undefined);
        return counting(tally, item, () => write(item, valve), isFatal);
      };
      const count$ = item$.pipe(
        tap((item) => valve.hold(weightOf(item))),
        // One after the other, so that a folder is there before anything in it begins.
        concatMap((item) => (item.kind === 'folder' ? makeFolder(store, root, item) : of(item))),
        mergeMap((item) => settle(item).pipe(finalize(() => valve.release(weightOf(item)))), concurrency),
        latestOfTurn((problem) => problem !== undefined),
        map((problem): TreeCount => ({ ...tally.count, ...(problem && { problem }) })),
      );
      return from(ensureFolder(store, root)).pipe(
        mergeMap(() =>
          concat(
            count$,
            defer(() => of(tally.count)),
          ),
        ),
      );
    });

/** Says that the counts have changed, and what has failed, if it is that. */
type Change = TreeProblem | undefined;

/** Writes a file and counts it. One observable for all of it, because a tree may have a million small ones. */
const counting = (
  tally: TreeTally,
  file: TreeFile,
  write: () => ObservableInput<TreeFileProgress | 'skipped'>,
  isFatal: (error: unknown) => boolean,
): Observable<Change> =>
  new Observable((subscriber) => {
    const count = tally.file();
    return defer(write).subscribe({
      next: (progress) => {
        count.at(progress);
        if (progress === 'skipped') file.drop?.();
        subscriber.next(undefined);
      },
      error: (error: unknown) => {
        count.fail();
        file.drop?.();
        if (isFatal(error)) return subscriber.error(error);
        subscriber.next(tally.failed(failedItem(file.path, error)));
        subscriber.complete();
      },
      complete: () => {
        count.end();
        subscriber.next(undefined);
        subscriber.complete();
      },
    });
  });

type FolderItem = Extract<TreeItem, { kind: 'folder' }>;
type FailedItem = Extract<TreeItem, { kind: 'failed' }>;

const makeFolder = (store: FolderMaker, root: RemotePath, folder: FolderItem): Observable<TreeItem> =>
  from(ensureFolder(store, [...root, ...folder.path])).pipe(
    map(() => folder),
    catchError((error: unknown) => of(failedItem(folder.path, error))),
  );

const failedItem = (path: RemotePath, error: unknown): FailedItem => ({
  kind: 'failed',
  path,
  error: sluiceError(error),
});

/** Makes a folder unless it is there. */
const ensureFolder = async (store: FolderMaker, path: RemotePath): Promise<void> => {
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
