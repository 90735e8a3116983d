import type { Socket } from 'node:net';
import {
  EMPTY,
  type MonoTypeOperatorFunction,
  NEVER,
  Observable,
  ReplaySubject,
  Subject,
  catchError,
  concat,
  defer,
  finalize,
  map,
  merge,
  mergeMap,
  of,
  takeUntil,
  takeWhile,
  tap,
  throwError,
} from 'rxjs';
import { ProtocolError, RemoteError, VerificationError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import type { DigestName } from '../../operators/digest.ts';
import { checkPath } from '../../protocol/path.ts';
import type { Checkpoint } from '../../store/checkpoint.ts';
import type { LendingSource, Progress } from '../../streams/flow.ts';
import { pumpWithin } from '../../streams/pump.ts';
import type { Valve } from '../../streams/valve.ts';
import type { Leftover } from '../../transfer/checkpoints.ts';
import { type TreeCount, pumpTree } from '../../transfer/tree.ts';
import type { Download, DownloadTree, Reply, Upload, UploadTree } from '../session.ts';
import type { ClientRequests, OpenRequest, RequestWords } from './client-requests.ts';
import { type ContentOptions, receiveContent, sendContent } from './content.ts';
import { type DataOffer, awaitOnOwnPort } from './data-connections.ts';
import { DataDialler } from './data-dialler.ts';
import type { Liveness } from './liveness.ts';
import { type ContentProof, type ReplyMessage, remoteError } from './messages.ts';
import { type PulseLimits, TransferPulse } from './transfer-pulse.ts';
import { receiveTree, sendTree } from './tree-content.ts';
import { waitForReason } from './wait-for-reason.ts';

// A content's frames are views of its chunks, each sent once, and a block is handed on once.
const lendingPump = pumpWithin({ lend: true });

export interface ClientTransferOptions {
  readonly requests: ClientRequests;
  readonly digestName: DigestName;
  /** Whether messages carry a check, those of data connections too. */
  readonly checked: boolean;
  readonly liveness: Liveness;
  readonly pulseLimits: PulseLimits;
  /** Address of the server, as the control connection has it: data connections go there and nowhere else. */
  readonly serverAddress: string;
  /** Address of this side, as the control connection has it. */
  readonly ownAddress: string;
  /** Who waits for the data connection. */
  readonly listener: 'server' | 'client';
  readonly maxFrame: number;
  readonly dataMs: number;
}

/** How one data connection comes about. */
interface DataPlan {
  /** What the request has to say about it. */
  readonly words: { readonly data?: DataOffer };
  /** Emits the connection once the server has accepted the request. */
  readonly connect: (accepted: Accepted) => Observable<Socket>;
}

/** One reply to a transfer, and what is needed to go on with it. */
interface Answered {
  readonly reply: ReplyMessage;
  readonly request: OpenRequest;
  readonly pulse: TransferPulse;
  /** Makes the data connection that an `accepted` offers. */
  readonly socket$: Observable<Socket>;
  /** Where content is subscribed through it, the request's failure goes through that content, and ends it. */
  readonly failing: MonoTypeOperatorFunction<Buffer>;
}

type Accepted = Extract<ReplyMessage, { type: 'accepted' }>;

/** Gets and puts, as the client speaks them. */
export class ClientTransfer {
  readonly #options: ClientTransferOptions;
  readonly #dialler: DataDialler;

  constructor(options: ClientTransferOptions) {
    this.#options = options;
    this.#dialler = new DataDialler(options.serverAddress, options.dataMs);
  }

  /** Runs a download: progress while the sink takes it, `completed` when the server was told that it is kept. */
  download({ path, resume: have, to }: Download): Observable<Reply> {
    const resume = this.#resumeWords(have);
    return this.#request({ type: 'get', path: [...path], ...resume }, ({ reply, request, pulse, socket$, failing }) => {
      if (reply.type === 'completed') return EMPTY;
      const { entry, offset = 0 } = reply as Accepted;
      if (entry === undefined) throw new ProtocolError('MESSAGE_INVALID', 'the server did not say what it will send');
      assertAsAsked({ ...entry, offset }, resume.resume);
      let kept: ContentProof = { bytes: 0, digest: '' };
      const block$ = new Subject<string>();
      const { size, modified, mode } = entry;
      const options = {
        ...this.#content(pulse, offset, (proof) => (kept = proof)),
        size,
        onBlock: (digest: string) => block$.next(digest),
      };
      const blocks = { algorithm: this.#options.digestName, digest$: block$.asObservable() };
      return concat(
        socket$.pipe(
          waitForReason(),
          mergeMap((socket) => {
            // The sink shall hear the server's reason: what it keeps of a content depends on why that ends.
            const source = through(receiveContent(socket, options), (bytes$) => bytes$.pipe(waitForReason(), failing));
            return lendingPump(source, to({ size, modified, mode, offset, blocks })).pipe(
              // A sink that fails before it asks for a byte leaves the connection without a reader to close it.
              finalize(() => socket.destroy()),
            );
          }),
          map(progressReply),
        ),
        defer(() => concat(request.confirm(kept), of<Reply>({ type: 'completed', bytes: kept.bytes }))),
      );
    });
  }

  /** Runs an upload: progress while the connection takes it, `completed` when the server says that it is kept. */
  upload({ path, from, size, modified, keepTime, mode, overwrite, fsync, resume }: Upload): Observable<Reply> {
    const about = { size, modified, keepTime, mode, overwrite, fsync, resume };
    let sent: ContentProof | undefined;
    return this.#request({ ...about, type: 'put', path: [...path] }, ({ reply, pulse, socket$ }) => {
      if (reply.type === 'skipped') return of<Reply>({ type: 'skipped' });
      if (reply.type === 'completed') return of<Reply>({ type: 'completed', bytes: assertSame(reply, sent).bytes });
      const there = this.#leftoverOf(reply as Accepted, about);
      const content = this.#content(pulse, there.have?.offset ?? 0, (proof) => (sent = proof));
      return socket$.pipe(
        mergeMap((socket) => lendingPump(from(there), sendContent(socket, content))),
        waitForReason(),
        map(progressReply),
      );
    });
  }

  /** Runs the download of a tree: how it is doing, and at last what came of it when the server was told. */
  downloadTree({ path, to }: DownloadTree): Observable<Reply> {
    return this.#request({ type: 'get-tree', path: [...path] }, ({ reply, request, pulse, socket$ }) => {
      if (reply.type === 'completed') return EMPTY;
      let arrived: ContentProof = { bytes: 0, digest: '' };
      let count = NOTHING_YET;
      const content = this.#content(pulse, 0, (proof) => (arrived = proof));
      return concat(
        socket$.pipe(
          mergeMap((socket) => pumpTree(receiveTree(socket, content), to()).pipe(finalize(() => socket.destroy()))),
          waitForReason(),
          tap((progress) => (count = progress)),
          map(treeReply),
        ),
        defer(() => concat(request.confirm(arrived), of<Reply>({ ...count, type: 'tree-completed' }))),
      );
    });
  }

  /** Runs the upload of a tree: how it is doing, and at last what the server says that it has. */
  uploadTree({ path, from, overwrite, fsync, resume }: UploadTree): Observable<Reply> {
    let sent: ContentProof | undefined;
    let count = NOTHING_YET;
    let refused = 0;
    const progress = (problem?: TreeCount['problem']): Reply => ({
      type: 'tree-progress',
      ...count,
      failed: count.failed + refused,
      ...(problem && { problem }),
    });
    const words = { type: 'put-tree' as const, path: [...path], overwrite, fsync, resume };
    return this.#request(words, ({ reply, pulse, socket$ }) => {
      if (reply.type === 'problem') {
        refused += 1;
        return of(progress({ path: checkPath(reply.path), error: remoteError(reply) }));
      }
      if (reply.type === 'completed') {
        const { bytes, files = 0 } = assertSame(reply, sent);
        const { skipped = 0, failed: notKept = 0 } = reply;
        const failed = count.failed + refused;
        return of<Reply>({
          type: 'tree-completed',
          bytes,
          files: Math.max(0, files - notKept - skipped),
          skipped,
          failed,
        });
      }
      const content = this.#content(pulse, 0, (proof) => (sent = proof));
      return socket$.pipe(
        mergeMap((socket) => pumpTree(from, sendTree(socket, content))),
        waitForReason(),
        tap((sending) => (count = sending)),
        map(({ problem }) => progress(problem)),
      );
    });
  }

  /** A checkpoint as a get says it; one of another digest than the session's means nothing to the server. */
  #resumeWords(have: Checkpoint | undefined): { resume?: Omit<Checkpoint, 'algorithm'> } {
    if (have?.algorithm !== this.#options.digestName) return {};
    const { offset, size, modified, digest } = have;
    return { resume: { offset, size, modified, digest } };
  }

  /** What the server says that it has of an upload, or of another content in its place. */
  #leftoverOf({ offset = 0, digest, dropped }: Accepted, { size, modified, resume }: Partial<Upload>): Leftover {
    if (offset === 0) return dropped === undefined ? {} : { dropped };
    if (!resume || size === undefined || modified === undefined || digest === undefined)
      throw new ProtocolError('OFFSET_MISMATCH', `the server goes on at ${offset}, which was not asked for`);
    return { have: { offset, size, modified, digest, algorithm: this.#options.digestName } };
  }

  #request(words: RequestWords, answer: (context: Answered) => Observable<Reply>): Observable<Reply> {
    return this.#planData().pipe(
      mergeMap((plan) => {
        const { requests, liveness, pulseLimits } = this.#options;
        const request = requests.start({ ...words, ...plan.words });
        const pulse = new TransferPulse(liveness, pulseLimits);
        // Until the server has accepted the request, it is the server that everything waits for.
        pulse.restsHereWhile(() => false);
        const assertExpected = replyOrder();
        const contentFailure = new Subject<never>();
        const answers$ = request.reply$.pipe(
          catchError((error: unknown) => {
            if (!contentFailure.observed) return throwError(() => error);
            contentFailure.error(error);
            return NEVER;
          }),
          mergeMap((reply) => {
            if (reply.type === 'waiting') return (pulse.restsThere(), EMPTY);
            assertExpected(reply);
            if (reply.type === 'accepted') pulse.restsHereWhile(() => true);
            const socket$ = reply.type === 'accepted' ? plan.connect(reply) : EMPTY;
            return answer({ reply, request, pulse, socket$, failing: takeUntil(contentFailure) });
          }),
        );
        return merge(answers$, pulse.rest$.pipe(mergeMap(() => request.rest()))).pipe(
          catchError((error: unknown) => {
            if (!(error instanceof RemoteError)) request.abort(sluiceError(error));
            return throwError(() => error);
          }),
        );
      }),
      takeWhile(({ type }) => !FINAL_REPLIES.includes(type), true),
    );
  }

  #planData(): Observable<DataPlan> {
    const { listener, ownAddress, dataMs } = this.#options;
    if (listener === 'client') return planListening(ownAddress, dataMs);
    return this.#dialler.dial$.pipe(
      map((dial) => ({
        words: {},
        connect: ({ port, token }: Accepted) => {
          if (port === undefined || token === undefined)
            throw new ProtocolError('MESSAGE_INVALID', 'the server named no data port');
          return dial({ port, token });
        },
      })),
    );
  }

  #content(pulse: TransferPulse, offset: number, onProof: (proof: ContentProof) => void): ContentOptions {
    const { digestName, checked, maxFrame } = this.#options;
    return { digestName, checked, maxFrame, offset, pulse, onProof };
  }
}

/** A plan in which this side listens: it lasts until it is unsubscribed, and closes a connection that nobody took. */
const planListening = (ownAddress: string, dataMs: number): Observable<DataPlan> =>
  new Observable((subscriber) => {
    const arrived$ = new ReplaySubject<Socket>(1);
    let untaken: Socket | undefined;
    const take = () => arrived$.pipe(map((socket) => ((untaken = undefined), socket)));
    const waiting = awaitOnOwnPort(
      ownAddress,
      'ephemeral',
      dataMs,
    )((data) => {
      subscriber.next({ words: { data }, connect: take });
      return NEVER;
    }).subscribe({
      next: (socket) => {
        untaken = socket;
        arrived$.next(socket);
        arrived$.complete();
      },
      error: (error: unknown) => subscriber.error(error),
    });
    return () => {
      waiting.unsubscribe();
      untaken?.destroy();
    };
  });

const NOTHING_YET: TreeCount = { files: 0, bytes: 0, skipped: 0, failed: 0 };

const treeReply = (count: TreeCount): Reply => ({ type: 'tree-progress', ...count });

/** What comes behind an offset has to be of the content that was asked for, or two of them would become one file. */
const assertAsAsked = (
  { offset, size, modified }: Pick<Checkpoint, 'offset' | 'size' | 'modified'>,
  asked: Omit<Checkpoint, 'algorithm'> | undefined,
): void => {
  if (offset !== (asked?.offset ?? 0))
    throw new ProtocolError('OFFSET_MISMATCH', `the server goes on at ${offset}, which was not asked for`);
  if (asked !== undefined && (size !== asked.size || modified !== asked.modified))
    throw new ProtocolError('OFFSET_MISMATCH', 'the server goes on with another content than was asked for');
};

const through = (source: LendingSource, operator: MonoTypeOperatorFunction<Buffer>): LendingSource =>
  Object.assign((open$: Observable<boolean>) => source(open$).pipe(operator), {
    lend: (valve: Valve) => source.lend(valve).pipe(operator),
  });

const progressReply = ({ bytes }: Progress): Reply => ({ type: 'progress', bytes });

const FINAL_REPLIES: readonly Reply['type'][] = ['completed', 'tree-completed', 'skipped'];

/** Refuses replies that a transfer cannot have: anything but one `accepted` and one end. */
const replyOrder = (): ((reply: ReplyMessage) => void) => {
  let accepted = false;
  return ({ type }) => {
    const expected = accepted ? ['completed', 'problem'] : ['accepted', 'skipped'];
    if (!expected.includes(type))
      throw new ProtocolError('STATE_UNEXPECTED', `the server answered a transfer with "${type}" out of turn`);
    accepted = true;
  };
};

const assertSame = (kept: ContentProof, sent: ContentProof | undefined): ContentProof => {
  if (sent === undefined)
    throw new ProtocolError('STATE_UNEXPECTED', 'the server confirmed content that was not sent yet');
  if (kept.bytes !== sent.bytes || kept.digest !== sent.digest)
    throw new VerificationError(
      'DIGEST_MISMATCH',
      `the server kept ${kept.bytes} bytes with digest ${kept.digest}, sent were ${sent.bytes} with ${sent.digest}`,
    );
  return sent;
};
