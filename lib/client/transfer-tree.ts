import {
  EMPTY,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
  catchError,
  concat,
  defer,
  filter,
  firstValueFrom,
  from,
  map,
  mergeMap,
  of,
  tap,
  throwError,
} from 'rxjs';
import type { Reply, Session } from '../dialects/session.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { CancelledError, ConnectionError, SluiceError, UnsupportedError } from '../errors/errors.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { Entry } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Store } from '../store/store.ts';
import { fromTree } from '../transfer/from-tree.ts';
import type { LocalFile } from '../transfer/local-file.ts';
import { statIfThere } from '../transfer/overwrite.ts';
import { type WriteTreeFile, toTree } from '../transfer/to-tree.ts';
import { ProgressMeter, type TransferProgress, type TreeProgress } from '../transfer/transfer-progress.ts';
import {
  type TreeCount,
  type TreeFile,
  type TreeItem,
  type TreeSink,
  type TreeSource,
  pumpTree,
} from '../transfer/tree.ts';
import { writeSmallFiles } from '../transfer/write-small-files.ts';
import { writeTreeFile } from '../transfer/write-tree-file.ts';
import type { TreeOptions } from './options.ts';
import type { EarlierTries } from './earlier-tries.ts';
import { mayPass } from './retrying.ts';
import { downloadFile, uploadFile } from './transfer-file.ts';

/** Large files that an upload remembers until the others are done; further ones go with these, from their start. */
const MAX_LARGE = 10_000;

// Below the server's usual limit, so that something else can go beside them.
const FILES_AT_ONCE = 8;

/**
 * Copies a remote folder to a local place; one attempt in one session. All of it over one data connection where there is
 * nothing yet, and otherwise file by file what is missing or differs, behind what an earlier try left of it. `tries` knows
 * what earlier attempts have done.
 */
export const downloadTree = (
  session: Session,
  path: RemotePath,
  place: LocalFile,
  options: TreeOptions,
  tries: EarlierTries,
): Observable<TreeProgress> => {
  const { overwrite = 'overwrite', fsync = false, resume = true } = options;
  const inOneGo = (): Observable<Reply> => {
    const writing = { overwrite, fsync, keep: resume };
    const write: WriteTreeFile = (file, valve) =>
      writeTreeFile({ store: place.store, path: [...place.path, ...file.path] }, writing)(file, valve);
    const writeSmall = writeSmallFiles(place.store, place.path, writing);
    const toPlace = toTree(place.store, place.path, { write, writeSmall });
    const to = (): TreeSink => (valve) => (item$) => toPlace(valve)(item$.pipe(noting(tries)));
    return session.execute({ type: 'download-tree', path, to });
  };
  const fileByFile = (): Observable<TreeCount> => {
    const remote = { ...remoteFolders(session), open: notOpened };
    const wanted = (folder: RemotePath) => differing(place, folder, tries);
    const write: WriteTreeFile = (file) => {
      tries.begin(file.path);
      const target = { store: place.store, path: [...place.path, ...file.path] };
      const copying = { overwrite, fsync, keepTime: true, keepMode: true, resume };
      return downloadFile(session, [...path, ...file.path], target, copying).pipe(map(skippedOr));
    };
    return pumpTree(
      fromTree(remote, path, { wanted, distinct: true, isFatal: isLoss }),
      toTree(place.store, place.path, { write, concurrency: FILES_AT_ONCE, isFatal: isLoss }),
    );
  };
  return from(isEmpty(place.store, place.path)).pipe(
    mergeMap((nothingThere) => {
      if (!nothingThere) return fileByFile().pipe(asTreeProgress(tries));
      return inOneGo().pipe(
        map(countOf),
        // A dialect without trees still has files.
        catchError((error: unknown) => (isUnsupported(error) ? fileByFile() : throwError(() => error))),
        asTreeProgress(tries),
      );
    }),
  );
};

/**
 * Copies a local folder to a remote place; one attempt in one session. Over one data connection, without the files that
 * are there already with the same size and time. Where something is there, large files come behind the others, each over a
 * data connection of its own, so that they go on where an earlier try broke off.
 */
export const uploadTree = (
  session: Session,
  path: RemotePath,
  { store, path: localPath }: LocalFile,
  { overwrite = 'overwrite', fsync = false, resume = true }: TreeOptions,
  tries: EarlierTries,
): Observable<TreeProgress> => {
  const inOneGo = (tree: TreeSource): Observable<TreeCount> => {
    const noted: TreeSource = (valve) => tree(valve).pipe(noting(tries));
    return session.execute({ type: 'upload-tree', path, from: noted, overwrite, fsync, resume }).pipe(map(countOf));
  };
  const whatDiffers = (): Observable<TreeCount> => {
    const remote = remoteFolders(session);
    const wanted = (folder: RemotePath) => differing({ store: remote, path }, folder, tries);
    const tree = fromTree(store, localPath, { wanted, distinct: true, isFatal: isLoss });
    if (!resume) return inOneGo(tree);
    const large: TreeFile[] = [];
    const write: WriteTreeFile = (file) => {
      tries.begin(file.path);
      const source = { store, path: [...localPath, ...file.path] };
      const copying = { overwrite, fsync, keepTime: true, keepMode: true, resume };
      return uploadFile(session, [...path, ...file.path], source, copying).pipe(map(skippedOr));
    };
    return oneAfterTheOther(inOneGo(withoutLarge(tree, large)), () => {
      const sink = toTree(remote, path, { write, concurrency: FILES_AT_ONCE, isFatal: isLoss });
      return large.length === 0 ? EMPTY : pumpTree(() => from(large), sink);
    });
  };
  return from(isMissingRemote(session, path)).pipe(
    mergeMap((nothingThere) => (nothingThere ? inOneGo(fromTree(store, localPath)) : whatDiffers())),
    asTreeProgress(tries),
  );
};

/** Tells that each file of a tree has begun. */
const noting = (tries: EarlierTries): MonoTypeOperatorFunction<TreeItem> =>
  tap((item) => {
    if (item.kind === 'file') tries.begin(item.path);
  });

/** A tree without its files of more than one block, as far as there is room to remember them for later. */
const withoutLarge =
  (tree: TreeSource, large: TreeFile[]): TreeSource =>
  (valve) =>
    tree(valve).pipe(
      filter((item) => {
        if (item.kind !== 'file' || item.size <= BLOCK_BYTES || large.length === MAX_LARGE) return true;
        large.push(item);
        return false;
      }),
    );

/** The counts of one part of a tree, and on top of them those of the other. */
const oneAfterTheOther = (first$: Observable<TreeCount>, second: () => Observable<TreeCount>): Observable<TreeCount> =>
  defer(() => {
    let sum = NO_FILES;
    return concat(
      first$.pipe(tap((count) => (sum = count))),
      defer(second).pipe(
        map((count) => ({
          ...count,
          files: sum.files + count.files,
          bytes: sum.bytes + count.bytes,
          skipped: sum.skipped + count.skipped,
          failed: sum.failed + count.failed,
        })),
      ),
    );
  });

const skippedOr = (progress: TransferProgress): TransferProgress | 'skipped' =>
  progress.state === 'skipped' ? 'skipped' : progress;

/** Which files of a folder of the tree are not in their place in the same size and from the same time. */
const differing = async (
  { store, path }: { readonly store: Pick<Store, 'list'>; readonly path: RemotePath },
  folder: RemotePath,
  tries: EarlierTries,
): Promise<(file: Entry) => boolean> => {
  const there = new Map<string, Entry>();
  try {
    for await (const entry of store.list([...path, ...folder])) there.set(entry.name, entry);
  } catch (error) {
    if (!isCode(error, 'NOT_FOUND')) throw error;
  }
  return ({ name, size, modified }) => {
    const known = there.get(name);
    if (known?.kind !== 'file' || known.size !== size || known.modified !== modified) return true;
    tries.find([...folder, name], size);
    return false;
  };
};

const isEmpty = async (store: Store, path: RemotePath): Promise<boolean> => {
  if ((await statIfThere(store, path)) === undefined) return true;
  for await (const _ of store.list(path)) return false;
  return (await store.hasParts?.(path)) !== true;
};

/** A folder that only looks empty may hold what an earlier try left, which is in no listing. */
const isMissingRemote = async (session: Session, path: RemotePath): Promise<boolean> => {
  try {
    for await (const _ of listRemote(session, path)) return false;
    return false;
  } catch (error) {
    if (isCode(error, 'NOT_FOUND')) return true;
    throw error;
  }
};

/** The far side's folders as those of a store. */
const remoteFolders = (session: Session): Pick<Store, 'list' | 'stat' | 'makeFolder'> => ({
  list: (path) => listRemote(session, path),
  stat: async (path) => {
    const reply = await firstValueFrom(session.execute({ type: 'stat', path }));
    if (reply.type !== 'entry') throw new UnsupportedError('the other side does not tell what is there');
    return reply.entry;
  },
  makeFolder: async (path) => {
    await firstValueFrom(session.execute({ type: 'makeFolder', path }));
  },
});

async function* listRemote(session: Session, path: RemotePath): AsyncGenerator<Entry> {
  const reply = await firstValueFrom(session.execute({ type: 'list', path }));
  if (reply.type === 'listing') yield* reply.entries;
}

const notOpened = () => Promise.reject(new UnsupportedError('a remote file is fetched, not opened'));

const countOf = (reply: Reply): TreeCount => {
  if (reply.type !== 'tree-progress' && reply.type !== 'tree-completed') return NO_FILES;
  const { files, bytes, skipped, failed, problem } = reply;
  return { files, bytes, skipped, failed, ...(problem && { problem }) };
};

const NO_FILES: TreeCount = { files: 0, bytes: 0, skipped: 0, failed: 0 };

/** Counts as progress, on top of what is there from earlier attempts; the last one says `completed`. */
const asTreeProgress =
  (tries: EarlierTries): OperatorFunction<TreeCount, TreeProgress> =>
  (count$) =>
    defer(() => {
      const meter = new ProgressMeter();
      let last = NO_FILES;
      const progress = (state: 'moving' | 'completed', count: TreeCount): TreeProgress => {
        last = count;
        const resumed = tries.bytes + (count.resumed ?? 0);
        const moved = meter.at(state, tries.bytes + count.bytes, { resumed });
        return { ...count, ...moved, files: tries.files + count.files, state };
      };
      return concat(
        count$.pipe(map((count) => progress('moving', count))),
        defer(() => {
          const { files, bytes, resumed = 0, skipped, failed } = last;
          return of(progress('completed', { files, bytes, ...(resumed > 0 && { resumed }), skipped, failed }));
        }),
      );
    });

/** Whether a failure is that of the way between, not of one file: the whole is then to be tried again, or is over. */
const isLoss = (error: unknown): boolean =>
  mayPass(error) || error instanceof ConnectionError || error instanceof CancelledError;

const isUnsupported = (error: unknown): boolean => isCode(error, 'UNSUPPORTED');

const isCode = (error: unknown, code: ErrorCode): boolean => error instanceof SluiceError && error.code === code;
