import {
  type Observable,
  type ObservableInput,
  concat,
  defer,
  finalize,
  from,
  ignoreElements,
  map,
  mergeMap,
  of,
} from 'rxjs';
import type { Command, Download, DownloadTree, Reply, Session, Upload, UploadTree } from '../dialects/session.ts';
import { ConnectionError, FileError, LimitError, UnsupportedError } from '../errors/errors.ts';
import { type DigestName, availableDigests, createDigest } from '../operators/digest.ts';
import { hash } from '../operators/hash.ts';
import { type RemotePath, formatPath } from '../protocol/path.ts';
import type { pump } from '../streams/pump.ts';
import { toNothing } from '../streams/to-nothing.ts';
import { withResource } from '../streams/with-resource.ts';
import { decideOverwrite, statIfThere } from '../transfer/overwrite.ts';
import { fromTree } from '../transfer/from-tree.ts';
import { type WriteTreeFile, toTree } from '../transfer/to-tree.ts';
import { sendingPump } from '../transfer/lending-pumps.ts';
import { type TreeCount, type TreeFile, pumpTree } from '../transfer/tree.ts';
import { type WriteSmallFiles, writeSmallFiles } from '../transfer/write-small-files.ts';
import { writeTreeFile } from '../transfer/write-tree-file.ts';
import { FileContents } from './file-contents.ts';
import type { LockHolder } from './locks.ts';
import type { SessionServices } from './session-services.ts';
import { type TransferReport, reportTransfer } from './transfer-report.ts';

/** Whose session it is. */
export interface SessionUser {
  /** Tells who has a right to what the session leaves. */
  readonly address: string;
  /** To be told how each transfer ended. */
  transferred(report: TransferReport): void;
}

/** What the commands of one session mean: permissions, locks and limits, and the store's part of every transfer. */
export class SessionCore implements Session {
  readonly #services: SessionServices;
  readonly #user: SessionUser;
  readonly #contents: FileContents;
  #transfers = 0;

  constructor(services: SessionServices, user: SessionUser) {
    this.#services = services;
    this.#user = user;
    this.#contents = new FileContents(services);
  }

  execute(command: Command): Observable<Reply> {
    return defer(() => this.#perform(command));
  }

  #perform(command: Command): Observable<Reply> {
    const { store } = this.#services;
    switch (command.type) {
      case 'list':
        return of({ type: 'listing', entries: store.list(command.path) });
      case 'stat':
        return from(store.stat(command.path)).pipe(map((entry) => ({ type: 'entry', entry })));
      case 'hash':
        return this.#counted(() => this.#hash(command.path, command.algorithm));
      case 'download':
        return this.#transfer('download', command, () => this.#download(command));
      case 'upload':
        return this.#transfer('upload', command, () => this.#upload(command));
      case 'download-tree':
        return this.#transfer('download', command, () => this.#downloadTree(command));
      case 'upload-tree':
        return this.#transfer('upload', command, () => this.#uploadTree(command));
      case 'remove':
        return this.#change([command.path], 'is being deleted', () => store.remove(command.path));
      case 'makeFolder':
        return this.#change([command.path], 'is being made', () => store.makeFolder(command.path));
      case 'removeFolder':
        return this.#change([command.path], 'is being deleted', () => store.removeFolder(command.path, command));
      case 'move':
        return this.#move(command.from, command.to);
      case 'space':
        return from(store.space()).pipe(map((space) => ({ type: 'space', space })));
      case 'ping':
        return of({ type: 'done' });
    }
  }

  #hash(path: RemotePath, algorithm: DigestName): Observable<Reply> {
    if (!availableDigests().includes(algorithm))
      throw new UnsupportedError(`${algorithm} is not available on this machine`);
    const { store, locks } = this.#services;
    locks.assertFree(path);
    const digest = createDigest(algorithm);
    return withResource(
      () => store.open(path),
      (file) => file.close(),
      (file) =>
        concat(
          sendingPump(file.content(), hash(digest), toNothing()).pipe(ignoreElements()),
          defer(() => of<Reply>({ type: 'digest', digest: digest.finish() })),
        ),
    );
  }

  #download(download: Download): Observable<Reply> {
    const { store, locks } = this.#services;
    const { path } = download;
    locks.assertFree(path);
    return withResource(
      () => store.open(path),
      (file) => file.close(),
      (file) => withTotal(this.#contents.send(file, download)),
    );
  }

  #upload(upload: Upload): Observable<Reply> {
    const { path, overwrite = 'overwrite', modified } = upload;
    this.#assertWritable(path);
    const { store } = this.#services;
    const write = () =>
      from(decideOverwrite(store, path, overwrite, modified)).pipe(
        mergeMap((decision) =>
          decision === 'skip' ? of<Reply>({ type: 'skipped' }) : withTotal(this.#contents.receive(upload)),
        ),
      );
    return this.#whileUploading(path, upload.resume ? this.#holderOf(upload) : undefined, write);
  }

  /** Runs the upload of a file while its path is the holder's. */
  #whileUploading<T>(path: RemotePath, holder: LockHolder | undefined, write: () => ObservableInput<T>): Observable<T> {
    const { locks } = this.#services;
    const upload$ = locks.while([path], 'is being uploaded', write, holder);
    if (holder === undefined || !locks.isHeld(path)) return upload$;
    return from(locks.takeOver(path, holder.owner)).pipe(mergeMap(() => upload$));
  }

  /**
   * Who may come back for an upload: the next one from the same address with the same content. If this one is dead by then,
   * as after its network was cut off, or was given up and is not yet gone, it has to give way.
   */
  #holderOf({ size, modified, sender }: Pick<Upload, 'size' | 'modified' | 'sender'>): LockHolder | undefined {
    if (size === undefined || modified === undefined || sender === undefined) return undefined;
    return {
      owner: JSON.stringify([this.#user.address, size, modified]),
      isAlive: () => sender.isAlive(),
      evict: () => sender.dismiss(ownerCameBack()),
    };
  }

  #downloadTree({ path, to }: DownloadTree): Observable<Reply> {
    const { store, locks } = this.#services;
    locks.assertFree(path);
    return from(store.stat(path)).pipe(
      mergeMap(({ kind }) => {
        if (kind !== 'folder') throw new FileError('NOT_A_FOLDER', `${formatPath(path)}: is not a folder`);
        const tree = fromTree(store, path, { assertFree: (file) => locks.assertFree(file) });
        return asTreeReplies(pumpTree(tree, to()));
      }),
    );
  }

  #uploadTree({ path, from: tree, sender, overwrite = 'overwrite', fsync = false, resume = true }: UploadTree) {
    this.#assertWritable(path);
    const { store, locks } = this.#services;
    const options = { overwrite, fsync, keep: resume };
    const targetOf = (file: TreeFile): RemotePath => [...path, ...file.path];
    const write: WriteTreeFile = (file, valve) => {
      const target = targetOf(file);
      return this.#whileUploading(target, this.#holderOf({ ...file, sender }), () =>
        writeTreeFile({ store, path: target }, options)(file, valve),
      );
    };
    const writeFree = writeSmallFiles(store, path, options);
    // It cannot be called off, so the names stay locked until it is done, whatever becomes of the tree.
    const writeSmall: WriteSmallFiles | undefined =
      writeFree && ((files) => locks.whileSettling(files.map(targetOf), 'is being uploaded', () => writeFree(files)));
    locks.assertFree(path);
    return asTreeReplies(pumpTree(tree, toTree(store, path, { write, writeSmall })));
  }

  /** A move onto an existing folder goes into it, under the old name. */
  #move(path: RemotePath, to: RemotePath): Observable<Reply> {
    const { store } = this.#services;
    return from(statIfThere(store, to)).pipe(
      map((there) => (there?.kind === 'folder' ? [...to, ...path.slice(-1)] : to)),
      mergeMap((target) => this.#change([path, target], 'is being moved', () => store.move(path, target))),
    );
  }

  #change(paths: readonly RemotePath[], what: string, change: () => Promise<void>): Observable<Reply> {
    for (const path of paths) this.#assertWritable(path);
    return defer(() => this.#services.locks.whileSettling(paths, what, change)).pipe(map(() => ({ type: 'done' })));
  }

  #transfer(
    direction: TransferReport['direction'],
    { path }: Download | Upload | DownloadTree | UploadTree,
    run: () => Observable<Reply>,
  ): Observable<Reply> {
    const report$ = reportTransfer({ direction, path }, (report) => this.#user.transferred(report));
    return this.#counted(() => defer(run).pipe(report$));
  }

  /** Runs work that reads or writes a whole file in one of the session's places for it. */
  #counted(run: () => Observable<Reply>): Observable<Reply> {
    const { maxTransfers } = this.#services;
    if (this.#transfers >= maxTransfers)
      throw new LimitError('TOO_MANY_TRANSFERS', `${maxTransfers} transfers of this session are running already`);
    const leave = this.#services.places.enter();
    this.#transfers += 1;
    return defer(run).pipe(
      finalize(() => {
        this.#transfers -= 1;
        leave();
      }),
    );
  }

  #assertWritable(path: RemotePath): void {
    if (this.#services.readOnly)
      throw new FileError('READ_ONLY', `${formatPath(path)}: this server is read-only, nothing was changed`);
  }
}

const ownerCameBack = () =>
  new ConnectionError('CLOSED_EARLY', 'the session was gone, and its owner came back in another one');

/** A running tree as replies: how it is doing, and at the end what came of it. */
const asTreeReplies = (count$: Observable<TreeCount>): Observable<Reply> =>
  defer(() => {
    let last: TreeCount = { files: 0, bytes: 0, skipped: 0, failed: 0 };
    return concat(
      count$.pipe(map((count): Reply => ({ type: 'tree-progress', ...(last = count) }))),
      defer(() => of<Reply>({ ...last, type: 'tree-completed' })),
    );
  });

/** A running pipeline as replies: progress, and at the end how much it was. */
const withTotal = (progress$: ReturnType<typeof pump>): Observable<Reply> =>
  defer(() => {
    let moved = 0;
    return concat(
      progress$.pipe(map(({ bytes }): Reply => ({ type: 'progress', bytes: (moved = bytes) }))),
      defer(() => of<Reply>({ type: 'completed', bytes: moved })),
    );
  });
