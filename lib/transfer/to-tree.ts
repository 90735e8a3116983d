import { Observable, type ObservableInput, concat, defer, finalize, from, map, mergeMap, of, tap } from 'rxjs';
import { sluiceError } from '../errors/from-system.ts';
import { latestOfTurn } from '../operators/latest-of-turn.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Valve } from '../streams/valve.ts';
import { type FolderStore, TreeFolders } from './tree-folders.ts';
import { type TreeFileProgress, TreeTally } from './tree-tally.ts';
import { type TreeCount, type TreeFile, type TreeItem, type TreeProblem, type TreeSink, weightOf } from './tree.ts';

/** Puts one file where it belongs, counting what it holds in the tree's valve; gives `skipped` if what is there stays. */
export type WriteTreeFile = (file: TreeFile, valve: Valve) => ObservableInput<TreeFileProgress | 'skipped'>;

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
    store: FolderStore,
    root: RemotePath,
    { write, concurrency = Infinity, isFatal = () => false }: ToTreeOptions,
  ): TreeSink =>
  (valve) =>
  (item$) =>
    defer(() => {
      const tally = new TreeTally();
      const folders = new TreeFolders(store, root);
      const settle = (item: TreeItem): ObservableInput<Change> => {
        if (item.kind === 'failed') return of(tally.failed(item));
        if (item.kind === 'folder') return making(tally, item.path, folders.make(item.path));
        const writeInside = () => folders.behind(item.path.slice(0, -1), () => write(item, valve));
        return counting(tally, item, writeInside, isFatal);
      };
      const count$ = item$.pipe(
        tap((item) => valve.hold(weightOf(item))),
        mergeMap((item) => from(settle(item)).pipe(finalize(() => valve.release(weightOf(item)))), concurrency),
        latestOfTurn((problem) => problem !== undefined),
        map((problem): TreeCount => ({ ...tally.count, ...(problem && { problem }) })),
      );
      return from(folders.make([])).pipe(
        mergeMap(() =>
          concat(
            count$,
            defer(() => of(tally.count)),
          ),
        ),
        finalize(() => folders.close()),
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
        subscriber.next(tally.failed(problemOf(file.path, error)));
        subscriber.complete();
      },
      complete: () => {
        count.end();
        subscriber.next(undefined);
        subscriber.complete();
      },
    });
  });

/** Tells of a folder that cannot be made. */
const making = async (tally: TreeTally, path: RemotePath, made: Promise<void>): Promise<Change> => {
  try {
    await made;
    return undefined;
  } catch (error) {
    return tally.failed(problemOf(path, error));
  }
};

const problemOf = (path: RemotePath, error: unknown): TreeProblem => ({ path, error: sluiceError(error) });
