import {
  EMPTY,
  Observable,
  type ObservableInput,
  bufferCount,
  catchError,
  concat,
  connect,
  defer,
  filter,
  finalize,
  from,
  map,
  merge,
  mergeMap,
  of,
  tap,
  throwError,
} from 'rxjs';
import { sluiceError } from '../errors/from-system.ts';
import { gatherTurn } from '../operators/gather-turn.ts';
import { latestOfTurn } from '../operators/latest-of-turn.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Valve } from '../streams/valve.ts';
import { type FolderStore, TreeFolders } from './tree-folders.ts';
import { type TreeFileProgress, TreeTally } from './tree-tally.ts';
import { type TreeCount, type TreeFile, type TreeItem, type TreeProblem, type TreeSink, weightOf } from './tree.ts';
import { type SmallTreeFile, type WriteSmallFiles, isSmallTreeFile } from './write-small-files.ts';

/** Puts one file where it belongs, counting what it holds in the tree's valve; gives `skipped` if what is there stays. */
export type WriteTreeFile = (file: TreeFile, valve: Valve) => ObservableInput<TreeFileProgress | 'skipped'>;

export interface ToTreeOptions {
  readonly write: WriteTreeFile;
  /** Puts small files that are all there where they belong, many at one go. @default they are written like any other */
  readonly writeSmall?: WriteSmallFiles | undefined;
  /** Files that are written at a time by `write`. @default 64 */
  readonly concurrency?: number;
  /** Whether the failure of one file means that no other can succeed, and so fails the whole. @default never */
  readonly isFatal?: (error: unknown) => boolean;
}

/**
 * A folder of a store as the place where a tree goes: makes the folders that are missing, itself among them, and writes
 * the files side by side, each whole or not at all. What fails is counted and told, and harms nothing else; only a root
 * that cannot be made fails the whole. Completes when all is done; errors with what broke the tree off when the small files that
 * came before are written.
 */
export const toTree =
  (store: FolderStore, root: RemotePath, options: ToTreeOptions): TreeSink =>
  (valve) =>
  (item$) =>
    defer(() => {
      const tree = new ArrivingTree(new TreeFolders(store, root), valve, options);
      return from(tree.begin()).pipe(
        mergeMap(() =>
          concat(
            tree.take(item$),
            defer(() => of(tree.count)),
          ),
        ),
        finalize(() => tree.close()),
      );
    });

// Each takes some open files, and those that came together may be thousands.
const FILES_AT_ONCE = 64;

// What has begun cannot be called off: no more than keeps a store busy.
const RUN_FILES = 128;
const RUNS_AT_ONCE = 2;

/** Says that the counts have changed, and what has failed, if it is that. */
type Change = TreeProblem | undefined;

class ArrivingTree {
  readonly #folders: TreeFolders;
  readonly #valve: Valve;
  readonly #options: ToTreeOptions;
  readonly #tally = new TreeTally();
  /** What the items that are not settled count for in the valve. */
  #held = 0;

  constructor(folders: TreeFolders, valve: Valve, options: ToTreeOptions) {
    this.#folders = folders;
    this.#valve = valve;
    this.#options = options;
  }

  get count(): TreeCount {
    return this.#tally.count;
  }

  get #filesAtOnce(): number {
    return this.#options.concurrency ?? FILES_AT_ONCE;
  }

  /** Makes the folder that everything is in. */
  begin(): Promise<void> {
    return this.#folders.make([]);
  }

  take(item$: Observable<TreeItem>): Observable<TreeCount> {
    const { writeSmall } = this.#options;
    const held$ = item$.pipe(tap((item) => this.#hold(weightOf(item))));
    const change$ = writeSmall === undefined ? this.#settleEach(held$) : this.#settleAll(held$, writeSmall);
    return change$.pipe(
      latestOfTurn((problem) => problem !== undefined),
      map((problem): TreeCount => ({ ...this.count, ...(problem && { problem }) })),
    );
  }

  close(): void {
    this.#hold(-this.#held);
    this.#folders.close();
  }

  /** A tree that breaks off errors when the small files that came before are written: they are whole, and need not come again. */
  #settleAll(item$: Observable<TreeItem>, writeSmall: WriteSmallFiles): Observable<Change> {
    let end$: Observable<never> = EMPTY;
    const untilBroken$ = item$.pipe(
      catchError((error: unknown) => {
        end$ = throwError(() => error);
        return EMPTY;
      }),
    );
    return untilBroken$.pipe(
      connect((shared$) =>
        merge(
          concat(
            this.#settleSmall(shared$.pipe(filter(isSmallTreeFile)), writeSmall),
            defer(() => end$),
          ),
          this.#settleEach(shared$.pipe(filter((item) => !isSmallTreeFile(item)))),
        ),
      ),
    );
  }

  /** Writes small files together, and one by one those that were not written so. What has begun goes on if the tree breaks off. */
  #settleSmall(file$: Observable<SmallTreeFile>, writeSmall: WriteSmallFiles): Observable<Change> {
    return file$.pipe(
      gatherTurn(),
      mergeMap((files) => from(files).pipe(bufferCount(RUN_FILES))),
      mergeMap(async (files) => ({ files, isWritten: await this.#writeTogether(files, writeSmall) }), RUNS_AT_ONCE),
      mergeMap(({ files, isWritten }) => [undefined, ...this.#unwritten(files, isWritten)]),
      mergeMap((file) => (file === undefined ? of(undefined) : this.#settleOne(file)), this.#filesAtOnce),
    );
  }

  async #writeTogether(files: readonly SmallTreeFile[], writeSmall: WriteSmallFiles): Promise<readonly boolean[]> {
    try {
      return (await this.#folders.behindAll(() => writeSmall(files))) ?? [];
    } catch {
      return [];
    }
  }

  /** Counts the files that are written, and gives the others. */
  #unwritten(files: readonly SmallTreeFile[], isWritten: readonly boolean[]): TreeFile[] {
    const left: TreeFile[] = [];
    for (const [index, file] of files.entries()) {
      if (isWritten[index] === true) {
        this.#tally.written(file.size);
        this.#hold(-weightOf(file));
      } else left.push(file);
    }
    return left;
  }

  #settleEach(item$: Observable<TreeItem>): Observable<Change> {
    return item$.pipe(mergeMap((item) => this.#settleOne(item), this.#filesAtOnce));
  }

  #settleOne(item: TreeItem): Observable<Change> {
    return from(this.#settle(item)).pipe(tap({ complete: () => this.#hold(-weightOf(item)) }));
  }

  #settle(item: TreeItem): ObservableInput<Change> {
    if (item.kind === 'failed') return of(this.#tally.failed(item));
    return item.kind === 'folder' ? this.#makeFolder(item.path) : this.#write(item);
  }

  async #makeFolder(path: RemotePath): Promise<Change> {
    try {
      await this.#folders.make(path);
      return undefined;
    } catch (error) {
      return this.#tally.failed(problemOf(path, error));
    }
  }

  /** Writes a file and counts it. */
  #write(file: TreeFile): Observable<Change> {
    const { write, isFatal } = this.#options;
    return new Observable((subscriber) => {
      const count = this.#tally.file();
      const folder = file.path.slice(0, -1);
      return defer(() => this.#folders.behind(folder, () => write(file, this.#valve))).subscribe({
        next: (progress) => {
          count.at(progress);
          if (progress === 'skipped') file.drop?.();
          subscriber.next(undefined);
        },
        error: (error: unknown) => {
          count.fail();
          file.drop?.();
          if (isFatal?.(error)) return subscriber.error(error);
          subscriber.next(this.#tally.failed(problemOf(file.path, error)));
          subscriber.complete();
        },
        complete: () => {
          count.end();
          subscriber.next(undefined);
          subscriber.complete();
        },
      });
    });
  }

  #hold(amount: number): void {
    this.#held += amount;
    if (amount > 0) this.#valve.hold(amount);
    else this.#valve.release(-amount);
  }
}

const problemOf = (path: RemotePath, error: unknown): TreeProblem => ({ path, error: sluiceError(error) });
