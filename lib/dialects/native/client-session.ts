import {
  EMPTY,
  type Observable,
  ReplaySubject,
  catchError,
  defer,
  finalize,
  firstValueFrom,
  ignoreElements,
  map,
  tap,
} from 'rxjs';
import { ProtocolError, type SluiceError } from '../../errors/errors.ts';
import type { Entry } from '../../protocol/entry.ts';
import { type RemotePath, checkSegment } from '../../protocol/path.ts';
import type { RemoteSession } from '../dialect.ts';
import type { Command, Reply } from '../session.ts';
import { ClientRequests, type RequestWords } from './client-requests.ts';
import { ClientFileTransfer } from './client-file-transfer.ts';
import { ClientTreeTransfer } from './client-tree-transfer.ts';
import { TransferRequests, type TransferRequestsOptions } from './transfer-requests.ts';
import { type ControlChannel, connectionLost } from './control-channel.ts';
import { type ReplyMessage, decodeServerMessage, remoteError } from './messages.ts';

/** The far session of the native protocol, as this side speaks to it. */
export class ClientSession implements RemoteSession {
  readonly #control: ControlChannel;
  readonly #requests: ClientRequests;
  readonly #files: ClientFileTransfer;
  readonly #trees: ClientTreeTransfer;
  readonly #ended$ = new ReplaySubject<never>(1);
  /** Why the server said it will end, for when it does. */
  #farewell: SluiceError | undefined;
  #hasLeft = false;

  constructor(control: ControlChannel, options: Omit<TransferRequestsOptions, 'control' | 'requests'>) {
    this.#control = control;
    this.#requests = new ClientRequests(control, options.pulseLimits.stallMs);
    const transfers = new TransferRequests({ ...options, control, requests: this.#requests });
    this.#files = new ClientFileTransfer(transfers);
    this.#trees = new ClientTreeTransfer(transfers);
  }

  get ended$(): Observable<never> {
    return this.#ended$.asObservable();
  }

  /** Asks the server for a sign of life on subscription; a request that cannot be made asks nothing. */
  get ping$(): Observable<Reply> {
    // Each one under a number of its own: an earlier one may still wait for its answer.
    return defer(() => this.execute({ type: 'ping' })).pipe(catchError(() => EMPTY));
  }

  execute(command: Command): Observable<Reply> {
    switch (command.type) {
      case 'download':
        return this.#files.download(command);
      case 'upload':
        return this.#files.upload(command);
      case 'download-tree':
        return this.#trees.download(command);
      case 'upload-tree':
        return this.#trees.upload(command);
      case 'list':
        return this.#ask({ type: 'list', path: [...command.path] }, (reply) =>
          reply.type === 'listing' ? { type: 'listing', entries: this.#entries(command.path, reply) } : undefined,
        );
      default:
        return this.#ask(wordsFor(command), replyFor);
    }
  }

  quit(): Observable<never> {
    return this.#ask({ type: 'quit' }, replyFor).pipe(tap({ complete: () => this.#leave() }), ignoreElements());
  }

  #leave(): void {
    this.#hasLeft = true;
    this.#ended$.complete();
  }

  /** Takes one message of the server. Throws where it breaks the protocol. */
  hear(payload: Buffer): void {
    const message = decodeServerMessage(payload);
    switch (message.type) {
      case 'ping':
        this.#answerPing(message.id);
        return;
      case 'bye':
        this.#farewell = remoteError(message);
        return;
      case 'error':
        if (message.id === undefined) throw remoteError(message);
        this.#requests.settle({ ...message, id: message.id });
        return;
      default:
        this.#requests.settle(message);
    }
  }

  /** Ends the session as if the connection was lost, unless it was left in order and nothing runs. */
  close(): void {
    if (!this.#hasLeft || this.#requests.areRunning) this.fail(connectionLost());
  }

  /** Ends the session, and with it every request, with an error. */
  fail(error: SluiceError): void {
    const reason = error.code === 'CLOSED_EARLY' ? (this.#farewell ?? error) : error;
    this.#requests.fail(reason);
    this.#ended$.error(reason);
  }

  /** Reads no further before the answer is out: a server that asks and never reads would fill this side's memory. */
  #answerPing(id: number): void {
    const { valve } = this.#control;
    valve.hold(1);
    this.#control
      .send({ type: 'pong', id })
      .pipe(finalize(() => valve.release(1)))
      .subscribe({ error: () => undefined });
  }

  #ask<T = Reply>(words: RequestWords, understand: (reply: ReplyMessage) => T | undefined): Observable<T> {
    return this.#requests.ask(words).pipe(
      map((reply) => {
        const understood = understand(reply);
        if (understood === undefined)
          throw new ProtocolError('STATE_UNEXPECTED', `the server answered "${words.type}" with "${reply.type}"`);
        return understood;
      }),
    );
  }

  /** The entries of a listing, page by page as they are wanted; one page is asked for ahead. */
  async *#entries(path: RemotePath, first: Listing): AsyncGenerator<Entry, void, undefined> {
    for (let page: Listing | undefined = first; page !== undefined;) {
      const { entries, cursor } = page;
      if (entries.length === 0 && cursor !== undefined)
        throw new ProtocolError('STATE_UNEXPECTED', 'the server sent an empty page of a listing that goes on');
      let next: Promise<Listing> | undefined;
      for (const entry of entries) {
        // The server's word for a name is not taken: one that could leave a folder ends the listing.
        checkSegment(entry.name);
        yield entry;
        // Only now: who wanted to know whether there is any entry at all has left.
        if (cursor !== undefined) next ??= this.#nextPage(path, cursor);
      }
      page = await next;
    }
  }

  #nextPage(path: RemotePath, cursor: string): Promise<Listing> {
    const words = { type: 'list' as const, path: [...path], cursor };
    const page = firstValueFrom(this.#ask(words, (reply) => (reply.type === 'listing' ? reply : undefined)));
    // Its failure is told when its turn has come, if it comes.
    page.catch(() => undefined);
    return page;
  }
}

type Listing = Extract<ReplyMessage, { type: 'listing' }>;
type PlainCommand = Exclude<Command, { type: 'download' | 'upload' | 'download-tree' | 'upload-tree' | 'list' }>;

const wordsFor = (command: PlainCommand): RequestWords => {
  switch (command.type) {
    case 'stat':
      return { type: 'stat', path: [...command.path] };
    case 'hash':
      return { type: 'hash', path: [...command.path], algorithm: command.algorithm };
    case 'remove':
      return { type: 'delete', path: [...command.path] };
    case 'makeFolder':
      return { type: 'mkdir', path: [...command.path] };
    case 'removeFolder':
      return { type: 'rmdir', path: [...command.path], recursive: command.recursive };
    case 'move':
      return { type: 'move', from: [...command.from], to: [...command.to] };
    case 'space':
    case 'ping':
      return { type: command.type };
  }
};

const replyFor = (reply: ReplyMessage): Reply | undefined => {
  switch (reply.type) {
    case 'entry':
      return { type: 'entry', entry: reply.entry };
    case 'digest':
      return { type: 'digest', digest: reply.digest };
    case 'space':
      return { type: 'space', space: { free: reply.free, total: reply.total } };
    case 'done':
    case 'pong':
      return { type: 'done' };
    default:
      return undefined;
  }
};
