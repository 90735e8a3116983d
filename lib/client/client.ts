import {
  type Observable,
  type Subscription,
  defer,
  firstValueFrom,
  from,
  lastValueFrom,
  mergeMap,
  of,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { RemoteSession } from '../dialects/dialect.ts';
import type { Command, Reply } from '../dialects/session.ts';
import { ProtocolError } from '../errors/errors.ts';
import type { DigestName } from '../operators/digest.ts';
import { untilAborted } from '../operators/until-aborted.ts';
import { type Entry, PERMISSION_BITS, type Space } from '../protocol/entry.ts';
import { type RemotePath, checkPath } from '../protocol/path.ts';
import type { OpenFile } from '../store/store.ts';
import type { Sink, Source } from '../streams/flow.ts';
import { withResource } from '../streams/with-resource.ts';
import { locateFile } from '../transfer/local-file.ts';
import { decideOverwrite } from '../transfer/overwrite.ts';
import { toStore } from '../transfer/to-store.ts';
import { ProgressMeter, type TransferProgress } from '../transfer/transfer-progress.ts';
import { asProgress } from './as-progress.ts';
import type { TransferOptions } from './options.ts';
import { remoteSink, remoteSource } from './remote-content.ts';

/** A server that does not answer the farewell for so long is left without. */
const FAREWELL_MS = 5000;

/**
 * One session with a server. Paths are lists of names (`['pub', 'big.iso']`), `[]` is the root; each is checked with
 * `PATH_INVALID` before anything is sent. Every failure is a typed error: a `RemoteError` is the server's, the rest is
 * this side's. Calls may run side by side; a failure of one does not end the others.
 */
export class Client {
  readonly #session: RemoteSession;
  readonly #connection: Subscription;

  /** For `connectClient`; the client closes the connection. */
  constructor(session: RemoteSession, connection: Subscription) {
    this.#session = session;
    this.#connection = connection;
  }

  /** Never emits; completes after `quit` and errors with what ended the session otherwise. Hot. */
  get ended$(): Observable<never> {
    return this.#session.ended$;
  }

  /**
   * The entries of a folder in the server's order. Cold; reads page after page while it is subscribed, and holds one
   * page. Unsubscribing ends the listing.
   */
  list(path: RemotePath): Observable<Entry> {
    return defer(() => this.#session.execute({ type: 'list', path: checkPath(path) })).pipe(
      mergeMap((reply) => (reply.type === 'listing' ? from(reply.entries) : [])),
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
   * is verified, flushed and has its name. Unsubscribing, or the signal, cancels this transfer alone. Holds at most
   * 4 MiB.
   */
  download(path: RemotePath, localPath: string, options: TransferOptions = {}): Observable<TransferProgress> {
    const { overwrite = 'overwrite', keepTime, keepMode, fsync, signal } = options;
    const decide = async () => {
      checkPath(path);
      const file = await locateFile(localPath);
      const modified = overwrite === 'if-newer' ? (await this.stat(path)).modified : undefined;
      return { file, decision: await decideOverwrite(file.store, file.path, overwrite, modified) };
    };
    return defer(decide).pipe(
      mergeMap(({ file, decision }) => {
        if (decision === 'skip') return of(new ProgressMeter().at('skipped', 0, undefined));
        let total: number | undefined;
        const to = (entry: Entry) => {
          total = entry.size;
          return toStore(file.store, file.path, {
            size: entry.size,
            modified: keepTime ? entry.modified : undefined,
            mode: keepMode ? entry.mode & PERMISSION_BITS : undefined,
            replace: overwrite !== 'refuse',
            fsync,
          });
        };
        return this.#session.execute({ type: 'download', path, to }).pipe(asProgress(() => total));
      }),
      untilAborted(signal),
    );
  }

  /**
   * Copies a file of this machine to a remote path, whole or not at all.
   *
   * Cold; each subscription is one transfer. Emits progress, at last with state `completed` or `skipped`, when the
   * server has verified and kept the file. Errors with `SOURCE_CHANGED` if the file is written to meanwhile.
   * Unsubscribing, or the signal, cancels this transfer alone. Holds at most 4 MiB.
   */
  upload(localPath: string, path: RemotePath, options: TransferOptions = {}): Observable<TransferProgress> {
    const { overwrite, keepTime, keepMode, fsync, signal } = options;
    const send = ({ entry, content }: OpenFile) => {
      const { size, modified } = entry;
      const mode = keepMode ? entry.mode & PERMISSION_BITS : undefined;
      const about = { size, modified, keepTime, mode, overwrite, fsync };
      return this.#session.execute({ type: 'upload', path, from: content, ...about }).pipe(asProgress(() => size));
    };
    return defer(() => locateFile(localPath)).pipe(
      tap(() => checkPath(path)),
      mergeMap((file) =>
        withResource(
          () => file.store.open(file.path),
          (opened) => opened.close(),
          send,
        ),
      ),
      untilAborted(signal),
    );
  }

  /** A remote file as a pipeline's source; each run is one download. */
  source(path: RemotePath): Source {
    return remoteSource(this.#session, checkPath(path));
  }

  /** A remote file as a pipeline's sink; each run is one upload. Completes when the server has verified and kept it. */
  sink(path: RemotePath, { overwrite, fsync }: Pick<TransferOptions, 'overwrite' | 'fsync'> = {}): Sink {
    return remoteSink(this.#session, checkPath(path), { overwrite, fsync });
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
      await lastValueFrom(this.#session.quit().pipe(takeUntil(silence$)), { defaultValue: undefined });
    } finally {
      this.close();
    }
  }

  /** Closes the connection at once; what runs fails with `CLOSED_EARLY`. Harmless a second time. */
  close(): void {
    this.#connection.unsubscribe();
  }

  #ask(command: Command): Promise<Reply> {
    return firstValueFrom(this.#session.execute(command));
  }
}

const unexpected = ({ type }: Reply): never => {
  throw new ProtocolError('STATE_UNEXPECTED', `the server's reply "${type}" does not fit the question`);
};
