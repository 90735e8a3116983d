import { dirname } from 'node:path';
import {
  EMPTY,
  type MonoTypeOperatorFunction,
  type Observable,
  concat,
  defer,
  firstValueFrom,
  lastValueFrom,
  mergeMap,
  takeUntil,
  timer,
} from 'rxjs';
import type { Command, Reply } from '../dialects/session.ts';
import { ProtocolError } from '../errors/errors.ts';
import type { DigestName } from '../operators/digest.ts';
import { untilAborted } from '../operators/until-aborted.ts';
import type { Entry, Space } from '../protocol/entry.ts';
import { type RemotePath, checkPath } from '../protocol/path.ts';
import type { Sink, Source } from '../streams/flow.ts';
import { fromPull } from '../streams/from-pull.ts';
import { locateFile } from '../transfer/local-file.ts';
import { ProgressMeter, type TransferProgress, type TreeProgress } from '../transfer/transfer-progress.ts';
import type { TreeCount } from '../transfer/tree.ts';
import type { Connection } from './connection.ts';
import { type TransferOptions, type TreeOptions, checkTransferOptions } from './options.ts';
import { EarlierTries } from './earlier-tries.ts';
import { PartExpiry } from './part-expiry.ts';
import { remoteSink, remoteSource } from './remote-content.ts';
import { retrying } from './retrying.ts';
import { downloadFile, uploadFile } from './transfer-file.ts';
import { downloadTree, uploadTree } from './transfer-tree.ts';

/** A server that does not answer the farewell for so long is left without. */
const FAREWELL_MS = 5000;

/**
 * One session with a server. Paths are lists of names (`['pub', 'big.iso']`), `[]` is the root; each is checked with
 * `PATH_INVALID` before anything is sent. Every failure is a typed error: a `RemoteError` is the server's, the rest is
 * this side's. Calls may run side by side; a failure of one does not end the others.
 */
export class Client {
  readonly #connection: Connection;
  readonly #retries: number;
  readonly #expiry: PartExpiry;

  /** For `connectClient`; the client closes the connection. */
  constructor(connection: Connection, { retries, keepPartsMs }: { retries: number; keepPartsMs: number }) {
    this.#connection = connection;
    this.#expiry = new PartExpiry(keepPartsMs);
    this.#retries = retries;
  }

  /**
   * Never emits; completes after `quit` and errors with what ended the session otherwise: at once, or when the transfers
   * that tried to restore it have given up. Hot.
   */
  get ended$(): Observable<never> {
    return this.#connection.ended$;
  }

  /**
   * The entries of a folder in the server's order. Cold; reads page after page while it is subscribed, and holds two
   * pages. Unsubscribing ends the listing.
   */
  list(path: RemotePath): Observable<Entry> {
    return defer(() => this.#connection.session.execute({ type: 'list', path: checkPath(path) })).pipe(
      mergeMap((reply) => (reply.type === 'listing' ? fromPull(reply.entries) : EMPTY)),
    );
  }

  /** What is at a path; `NOT_FOUND` if nothing is. */
  async stat(path: RemotePath): Promise<Entry> {
    const reply = await this.#ask({ type: 'stat', path: checkPath(path) });
    return reply.type === 'entry' ? reply.entry : unexpected(reply);
  }

  /**
   * The digest of a remote file, computed where the file is: lower-case hexadecimal digits, as `b3sum` and `sha256sum`
   * print them. `UNSUPPORTED` where the server cannot compute it.
   */
  async hash(path: RemotePath, algorithm: DigestName): Promise<string> {
    const reply = await this.#ask({ type: 'hash', path: checkPath(path), algorithm });
    return reply.type === 'digest' ? reply.digest : unexpected(reply);
  }

  /**
   * Copies a remote file to a path of this machine, whole or not at all.
   *
   * Cold; each subscription is one transfer. Emits progress, at last with state `completed` or `skipped`, when the file
   * is verified, flushed and has its name. A lost connection is opened anew, and the transfer goes on behind what was
   * verified (see `retries`), as does the next one of the same file after this one has failed or was cancelled.
   * Unsubscribing, or the signal, cancels this transfer alone. Holds at most 5 MiB, and 3 MiB for each further segment.
   */
  download(path: RemotePath, localPath: string, options: TransferOptions = {}): Observable<TransferProgress> {
    return this.#transfer(path, localPath, downloadFile, options, this.#expiry.lookInto(dirname(localPath)));
  }

  /**
   * Copies a file of this machine to a remote path, whole or not at all.
   *
   * Cold; each subscription is one transfer. Emits progress, at last with state `completed` or `skipped`, when the
   * server has verified and kept the file. A lost connection is dealt with as in `download`. Errors with
   * `SOURCE_CHANGED` if the file is written to meanwhile. Unsubscribing, or the signal, cancels this transfer alone.
   * Holds at most 5 MiB, and 3 MiB for each further segment.
   */
  upload(localPath: string, path: RemotePath, options: TransferOptions = {}): Observable<TransferProgress> {
    return this.#transfer(path, localPath, uploadFile, options);
  }

  /**
   * Copies a remote folder and all that is in it to a folder of this machine, over one data connection; each file whole or
   * not at all, with its time and permissions. Where the local folder has something in it already, only what is missing
   * or differs in size or time is fetched; what is not in the remote folder stays.
   *
   * Cold. Emits progress, with `problem` for each thing that could not be read or kept, which harms nothing else. Errors
   * only where nothing more can be done. A lost connection is dealt with as in `download`. Holds about 4 MiB, and the files' paths.
   */
  downloadTree(path: RemotePath, localFolder: string, options: TreeOptions = {}): Observable<TreeProgress> {
    return this.#tree(path, localFolder, downloadTree, options, this.#expiry.lookInto(localFolder));
  }

  /** Copies a folder of this machine to a remote one; as `downloadTree`, in the other direction. */
  uploadTree(localFolder: string, path: RemotePath, options: TreeOptions = {}): Observable<TreeProgress> {
    return this.#tree(path, localFolder, uploadTree, options);
  }

  /** A remote file as a pipeline's source; each run is one download. */
  source(path: RemotePath): Source {
    return remoteSource(this.#connection.session, checkPath(path));
  }

  /** A remote file as a pipeline's sink; each run is one upload. Completes when the server has verified and kept it. */
  sink(path: RemotePath, { overwrite, fsync }: Pick<TransferOptions, 'overwrite' | 'fsync'> = {}): Sink {
    return remoteSink(this.#connection.session, checkPath(path), { overwrite, fsync });
  }

  /** Removes a file. */
  async remove(path: RemotePath): Promise<void> {
    await this.#ask({ type: 'remove', path: checkPath(path) });
  }

  async makeFolder(path: RemotePath): Promise<void> {
    await this.#ask({ type: 'makeFolder', path: checkPath(path) });
  }

  /** Removes an empty folder, or with `recursive` a folder and all that is in it. */
  async removeFolder(path: RemotePath, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<void> {
    await this.#ask({ type: 'removeFolder', path: checkPath(path), recursive });
  }

  /** Moves a file or folder to a new path, or into `to` where that is a folder. Never replaces anything (`EXISTS`). */
  async move(path: RemotePath, to: RemotePath): Promise<void> {
    await this.#ask({ type: 'move', from: checkPath(path), to: checkPath(to) });
  }

  /** Room where the server keeps its files, in bytes. */
  async space(): Promise<Space> {
    const reply = await this.#ask({ type: 'space' });
    return reply.type === 'space' ? reply.space : unexpected(reply);
  }

  /** Milliseconds to the server and back on the control connection. */
  async ping(): Promise<number> {
    const start = performance.now();
    await this.#ask({ type: 'ping' });
    return performance.now() - start;
  }

  /** Takes leave of the server, then closes the connection. What still runs is cancelled. */
  async quit(): Promise<void> {
    try {
      const silence$ = timer(FAREWELL_MS);
      await lastValueFrom(this.#connection.session.quit().pipe(takeUntil(silence$)), { defaultValue: undefined });
    } finally {
      this.close();
    }
  }

  /** Closes the connection at once; what runs fails with `CLOSED_EARLY`. Harmless a second time. */
  close(): void {
    this.#connection.close();
  }

  #transfer(
    path: RemotePath,
    localPath: string,
    transferFile: typeof downloadFile,
    { resume = true, signal, ...options }: TransferOptions,
    afterwards: Observable<never> = EMPTY,
  ): Observable<TransferProgress> {
    const attempt$ = defer(async () => {
      checkPath(path);
      checkTransferOptions(options);
      return { file: await locateFile(localPath), session: await this.#connection.restored() };
    }).pipe(mergeMap(({ file, session }) => transferFile(session, path, file, { ...options, resume })));
    const moving$ = attempt$.pipe(this.#persisting(new ProgressMeter().at('moving', 0)));
    return concat(moving$, afterwards).pipe(untilAborted(signal));
  }

  #tree(
    path: RemotePath,
    localFolder: string,
    transferTree: typeof downloadTree,
    { signal, ...options }: TreeOptions,
    afterwards: Observable<never> = EMPTY,
  ): Observable<TreeProgress> {
    return defer(() => {
      const tries = new EarlierTries();
      const attempt$ = defer(async () => {
        checkPath(path);
        tries.beginTry();
        return { folder: await locateFile(localFolder), session: await this.#connection.restored() };
      }).pipe(mergeMap(({ folder, session }) => transferTree(session, path, folder, options, tries)));
      const nothingYet: TreeProgress = { ...new ProgressMeter().at('moving', 0), ...NO_FILES, state: 'moving' };
      return concat(attempt$.pipe(this.#persisting(nothingYet)), afterwards);
    }).pipe(untilAborted(signal));
  }

  #persisting<T extends TransferProgress>(nothingYet: T): MonoTypeOperatorFunction<T> {
    const isWanted = () => !this.#connection.isClosed;
    return (attempt$) =>
      attempt$.pipe(retrying({ nothingYet, retries: this.#retries, isWanted }), this.#connection.kept());
  }

  #ask(command: Command): Promise<Reply> {
    return firstValueFrom(this.#connection.session.execute(command));
  }
}

const NO_FILES: TreeCount = { files: 0, bytes: 0, skipped: 0, failed: 0 };

const unexpected = ({ type }: Reply): never => {
  throw new ProtocolError('STATE_UNEXPECTED', `the server's reply "${type}" does not fit the question`);
};
