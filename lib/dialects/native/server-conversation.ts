import {
  EMPTY,
  Observable,
  type Subscriber,
  Subscription,
  asapScheduler,
  catchError,
  concat,
  concatMap,
  defer,
  finalize,
  firstValueFrom,
  from,
  merge,
  mergeMap,
  observeOn,
  tap,
  throwError,
} from 'rxjs';
import { InternalError, RemoteError, type SluiceError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { firstToEnd } from '../../operators/first-to-end.ts';
import { checkPath } from '../../protocol/path.ts';
import type { Command, Reply, Session, UploadSender } from '../session.ts';
import { connectionLost } from './control-channel.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { ListingPages, type Page } from './listing-pages.ts';
import {
  MessageError,
  type ReplyMessage,
  type Request,
  type Signal,
  decodeClientMessage,
  errorMessage,
  failureOf,
  remoteError,
} from './messages.ts';
import { RunningRequest } from './running-request.ts';
import { RunningRequests } from './running-requests.ts';
import { TransferPulse } from './transfer-pulse.ts';
import { ServerTransfer, type ServerTransferOptions } from './server-transfer.ts';

/** A message that names a request and cannot be understood: answered like one, with an error. */
interface Misunderstood {
  readonly type: 'misunderstood';
  readonly id: number;
  readonly error: SluiceError;
}

/** A request that is worked on. */
type WorkRequest = Exclude<Request, { type: 'ping' | 'quit' }>;

// In a turn of its own: a thousand waiting requests that end at once, each inside the one before, would fill the stack.
const NOTHING_SOON: Observable<never> = EMPTY.pipe(observeOn(asapScheduler));

// A session that is asked whether it lives, because somebody wants what it holds, has so long to answer.
const CHALLENGE_MS = 2000;

const TRANSFERS: readonly string[] = ['get', 'put', 'get-tree', 'put-tree'];

// What a page's frame needs beside its entries. Every client takes frames up to the protocol's own limit, whatever this
// server takes.
const PAGE_ENVELOPE = 1024;

/** One client's session after its hello, as the server speaks it. */
export class ServerConversation {
  readonly #session: Session;
  readonly #options: ServerTransferOptions;
  readonly #running = new RunningRequests();
  #pages: ListingPages | undefined;
  #end: Subscriber<never> | undefined;
  readonly #waiting: (Request | Misunderstood)[] = [];
  #answering = 0;
  #isClientGone = false;

  constructor(session: Session, options: ServerTransferOptions) {
    this.#session = session;
    this.#options = options;
  }

  /**
   * Answers requests until the client quits or leaves, or, after `part`, until what runs has ended. Never emits. To be
   * subscribed once. Errors with what broke the conversation; requests that were running fail with the same.
   *
   * What waits for its turn waits in a list: a `mergeMap` would be a kilobyte for each session that only waits.
   */
  run(): Observable<never> {
    const { control, limits } = this.#options;
    return new Observable((subscriber) => {
      this.#end = subscriber;
      subscriber.add(() => {
        this.#pages?.close();
        this.#options.ahead?.close();
      });
      this.#running.idleLimit(limits.idleMs).subscribe(subscriber);
      const message$ = firstToEnd(
        control.payload$,
        control.keepAlive(() => control.send({ type: 'ping', id: 1 })),
      );
      subscriber.add(
        // When the client has left or is lost, what runs ends first, and then the conversation, as the client did.
        message$.subscribe({
          next: (payload) => this.#take(payload),
          error: (error: unknown) => this.#endAfterAll(error),
          complete: () => this.#endAfterAll(),
        }),
      );
    });
  }

  /** Says farewell, and ends the conversation when what runs has ended. */
  part(): void {
    const bye = { type: 'bye', code: 'SERVER_STOPPING', message: 'the server is stopping' } as const;
    this.#endBehind(this.#options.control.send(bye), this.#running.settled$);
  }

  #take(payload: Buffer): void {
    try {
      const request = this.#hear(understand(payload));
      if (request === undefined) return;
      this.#options.control.valve.hold(1);
      this.#waiting.push(request);
      if (this.#answering < this.#options.limits.commands) this.#answerNext();
    } catch (error) {
      this.#end?.error(error);
    }
  }

  /** Begins with the request that waits longest, if there is one. */
  #answerNext(): void {
    const request = this.#waiting.shift();
    if (request === undefined) return;
    this.#answering += 1;
    const answered = (): void => {
      this.#answering -= 1;
      this.#answerNext();
    };
    const failed = (error: unknown): void => this.#end?.error(error);
    this.#end?.add(this.#answer(request).subscribe({ complete: answered, error: failed }));
  }

  /** Takes what is said about a running request, and gives back what is a request itself, to be answered. */
  #hear(message: Request | Signal | Misunderstood): Request | Misunderstood | undefined {
    const running = this.#running.get(message.id);
    switch (message.type) {
      case 'receipt':
        running?.confirm(message);
        return undefined;
      case 'abort': {
        const { code = 'CANCELLED', message: words = 'cancelled by the client' } = message;
        running?.fail(remoteError({ code, message: words }));
        return undefined;
      }
      case 'waiting':
        running?.pulse.restsThere();
        return undefined;
      case 'pong':
        return undefined;
      case 'misunderstood':
        // A request has one final reply, so a bad message about it has to end it.
        running?.fail(message.error);
        return running === undefined ? message : undefined;
      default:
        return message;
    }
  }

  #answer(request: Request | Misunderstood): Observable<never> {
    const { control } = this.#options;
    return defer(() => {
      if (this.#isClientGone || !control.isOpen) return NOTHING_SOON;
      this.#running.assertFree(request.id);
      // A sign of life is no work, so it keeps no session from being idle.
      if (request.type === 'ping') return control.send({ type: 'pong', id: request.id });
      if (request.type === 'quit') return this.#takeLeave(request.id);
      const running = new RunningRequest(request.id, () => this.#newPulse());
      this.#running.begin(running);
      const watching = TRANSFERS.includes(request.type) ? this.#watch(running) : this.#tellBusy(running);
      return defer(() => this.#perform(request, running)).pipe(
        running.failing(),
        finalize(() => {
          watching.unsubscribe();
          this.#running.end(running);
        }),
      );
    }).pipe(
      catchError((error: unknown) => control.send(errorMessage(sluiceError(error), request.id))),
      // A reply that cannot be sent is lost with its connection, and the connection's reader sees that.
      catchError(() => EMPTY),
      finalize(() => control.valve.release(1)),
    );
  }

  #newPulse(): TransferPulse {
    const { control, limits } = this.#options;
    return new TransferPulse(control.liveness, { ...limits, restMs: limits.idleMs });
  }

  /** Tells the client as long as its request is worked on: a digest of a large file takes its time. */
  #tellBusy({ id }: RunningRequest): Subscription {
    const { control, limits } = this.#options;
    let saying = Subscription.EMPTY;
    const say = () => {
      // A client that has not taken the last word gets no further one: what it leaves unread tells that it is gone.
      if (!saying.closed) return;
      // A word that cannot be sent is lost with its connection, and the connection's reader sees that.
      saying = control.send({ type: 'waiting', id }).subscribe({ error: () => undefined });
    };
    const clock = setInterval(say, limits.quietMs);
    return new Subscription(() => clearInterval(clock));
  }

  /** Tells the client while the content rests here, and ends a transfer that stalls. */
  #watch(running: RunningRequest): Subscription {
    const { control } = this.#options;
    return running.pulse.rest$.pipe(mergeMap(() => control.send({ type: 'waiting', id: running.id }))).subscribe({
      error: (error: unknown) => running.fail(sluiceError(error)),
    });
  }

  #takeLeave(id: number): Observable<never> {
    return this.#options.control.send({ type: 'done', id }).pipe(tap({ complete: () => this.#end?.complete() }));
  }

  #perform(request: WorkRequest | Misunderstood, running: RunningRequest): Observable<never> {
    switch (request.type) {
      case 'misunderstood':
        return throwError(() => request.error);
      case 'list':
        if (request.cursor !== undefined) return this.#sendPage(request.id, this.#listings.next(request.cursor));
    }
    return this.#session
      .execute(this.#commandFor(request, running))
      .pipe(concatMap((reply) => this.#sendReply(reply, request, running)));
  }

  #commandFor(request: WorkRequest, running: RunningRequest): Command {
    switch (request.type) {
      case 'list':
        return { type: 'list', path: checkPath(request.path) };
      case 'stat':
        return { type: 'stat', path: checkPath(request.path) };
      case 'hash':
        return { type: 'hash', path: checkPath(request.path), algorithm: request.algorithm };
      case 'get': {
        const transfer = new ServerTransfer(this.#options, request, running);
        const to = transfer.sinkFor.bind(transfer);
        const { resume, downloadSegments: segments } = transfer;
        return { type: 'download', path: checkPath(request.path), resume, to, segments };
      }
      case 'put': {
        const { size, modified, keepTime, mode, overwrite, fsync, resume } = request;
        const transfer = new ServerTransfer(this.#options, request, running);
        const { blocks, uploadSegments: segments } = transfer;
        const from = transfer.sourceBehind.bind(transfer);
        const path = checkPath(request.path);
        const sender = this.#senderOf(running);
        const about = { size, modified, keepTime, mode, overwrite, fsync };
        return { type: 'upload', path, from, segments, blocks, resume, sender, ...about };
      }
      case 'get-tree': {
        const transfer = new ServerTransfer(this.#options, request, running);
        return { type: 'download-tree', path: checkPath(request.path), to: () => transfer.treeSink };
      }
      case 'put-tree': {
        const { overwrite, fsync, resume } = request;
        const from = new ServerTransfer(this.#options, request, running).treeSource;
        const sender = this.#senderOf(running);
        return { type: 'upload-tree', path: checkPath(request.path), from, sender, overwrite, fsync, resume };
      }
      case 'delete':
        return { type: 'remove', path: checkPath(request.path) };
      case 'mkdir':
        return { type: 'makeFolder', path: checkPath(request.path) };
      case 'rmdir':
        return { type: 'removeFolder', path: checkPath(request.path), recursive: request.recursive ?? false };
      case 'move':
        return { type: 'move', from: checkPath(request.from), to: checkPath(request.to) };
      case 'space':
        return { type: 'space' };
    }
  }

  #senderOf(running: RunningRequest): UploadSender {
    return {
      isAlive: async () => !running.isGivenUp && (await this.#isClientThere()),
      dismiss: (reason) => running.fail(reason),
    };
  }

  #sendReply(reply: Reply, { id, type }: Request, { proof }: RunningRequest): Observable<never> {
    const { control } = this.#options;
    switch (reply.type) {
      case 'listing':
        return this.#sendPage(id, this.#listings.first(reply.entries));
      case 'entry':
        return control.send({ type: 'entry', id, entry: reply.entry });
      case 'digest':
        return control.send({ type: 'digest', id, digest: reply.digest });
      case 'completed':
        if (proof === undefined) throw new InternalError('a transfer completed without its proof');
        return control.send({ type: 'completed', id, ...proof });
      case 'tree-completed': {
        if (proof === undefined) throw new InternalError('a tree completed without its proof');
        const { files, bytes, skipped } = reply;
        const failed = (proof.files ?? 0) - files - skipped;
        const left = { ...(skipped > 0 && { skipped }), ...(failed > 0 && { failed }) };
        const counts = type === 'put-tree' && skipped + failed > 0 ? { ...left, kept: bytes } : {};
        return control.send({ type: 'completed', id, ...proof, ...counts });
      }
      case 'tree-progress': {
        // What could not be read has been said where the content goes.
        if (reply.problem === undefined || type === 'get-tree') return EMPTY;
        const { path, error } = reply.problem;
        // The client knows what it could not read itself.
        if (error instanceof RemoteError) return EMPTY;
        return control.send({ type: 'problem', id, path: [...path], ...failureOf(error) });
      }
      case 'space':
        return control.send({ type: 'space', id, ...reply.space });
      case 'skipped':
      case 'done':
        return control.send({ type: reply.type, id });
      case 'progress':
        return EMPTY;
    }
  }

  #sendPage(id: number, page: Promise<Page>): Observable<never> {
    return from(page).pipe(
      mergeMap((listing) => this.#options.control.send({ type: 'listing', id, ...listing } satisfies ReplyMessage)),
    );
  }

  get #listings(): ListingPages {
    const { page, controlFrame } = this.#options.limits;
    const frame = Math.min(controlFrame, DEFAULT_LIMITS.controlFrame);
    return (this.#pages ??= new ListingPages({ entries: page, bytes: frame - PAGE_ENVELOPE }));
  }

  /**
   * Fails what runs, and ends the conversation, with the error if there is one, when that has ended: what was kept of a
   * transfer is then there to be taken up by the client's next session.
   */
  #endAfterAll(cause?: unknown): void {
    // What waits behind the running requests is not begun any more: nobody is there to hear of it.
    this.#isClientGone = true;
    this.#running.failAll(connectionLost(cause));
    this.#endBehind(this.#running.settled$, cause === undefined ? EMPTY : throwError(() => sluiceError(cause)));
  }

  #endBehind(...before: readonly Observable<never>[]): void {
    if (this.#end !== undefined) concat(...before).subscribe(this.#end);
  }

  /** Asks the client for a sign of life. */
  #isClientThere(): Promise<boolean> {
    const { control } = this.#options;
    const sign$ = control.liveness.signWithin(CHALLENGE_MS);
    return firstValueFrom(merge(sign$, control.send({ type: 'ping', id: 1 }).pipe(catchError(() => EMPTY))));
  }
}

const understand = (payload: Buffer): Request | Signal | Misunderstood => {
  try {
    return decodeClientMessage(payload);
  } catch (error) {
    if (error instanceof MessageError && error.id !== undefined) return { type: 'misunderstood', id: error.id, error };
    throw error;
  }
};
