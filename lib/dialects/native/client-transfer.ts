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
import { BLOCK_BYTES } from '../../protocol/block.ts';
import type { Entry } from '../../protocol/entry.ts';
import { checkPath } from '../../protocol/path.ts';
import { type Checkpoint, type ContentIdentity, type VerifiedRun, leadingRun } from '../../store/checkpoint.ts';
import type { Progress } from '../../streams/flow.ts';
import { pumpWithin } from '../../streams/pump.ts';
import { sourceThrough } from '../../streams/source-through.ts';
import { type Leftover, leadingPart } from '../../transfer/checkpoints.ts';
import { besideRanges } from '../../transfer/ranges.ts';
import { type TreeCount, pumpTree } from '../../transfer/tree.ts';
import type {
  Download,
  DownloadSegments,
  DownloadTree,
  Reply,
  Upload,
  UploadSegments,
  UploadTree,
} from '../session.ts';
import type { ClientRequests, OpenRequest, RequestWords } from './client-requests.ts';
import { type ContentOptions, receiveContent, sendContent } from './content.ts';
import { type DataOffer, awaitOnOwnPort, awaitPeer, connectData } from './data-connections.ts';
import { DataDialler } from './data-dialler.ts';
import type { Liveness } from './liveness.ts';
import { type ContentProof, type ReplyMessage, type Request, remoteError } from './messages.ts';
import { type SegmentOptions, receiveSegments, sendSegments } from './segment-content.ts';
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
  readonly words: { readonly data: DataOffer } | { readonly next: true };
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

type GetWords = Pick<Extract<Request, { type: 'get' }>, 'resume' | 'segments' | 'kept'>;

/** Gets and puts, as the client speaks them. */
export class ClientTransfer {
  readonly #options: ClientTransferOptions;
  readonly #dialler: DataDialler;

  constructor(options: ClientTransferOptions) {
    this.#options = options;
    this.#dialler = new DataDialler(options.serverAddress, options.dataMs);
  }

  /** Runs a download: progress while the sink takes it, `completed` when the server was told that it is kept. */
  download({ path, resume: have, to, segments }: Download): Observable<Reply> {
    const words = this.#getWords(have, segments);
    return this.#request({ type: 'get', path: [...path], ...words }, (answered) => {
      const { reply, request } = answered;
      if (reply.type === 'completed') return EMPTY;
      const accepted = reply as Accepted;
      let kept: ContentProof = { bytes: 0, digest: '' };
      const onProof = (proof: ContentProof) => (kept = proof);
      const progress$ = accepted.segments
        ? this.#takeSegments(accepted, answered, { words, have, segments }, onProof)
        : this.#takeContent(accepted, answered, words.resume, to, onProof);
      return concat(
        progress$.pipe(map(progressReply)),
        defer(() => concat(request.confirm(kept), of<Reply>({ type: 'completed', bytes: kept.bytes }))),
      );
    });
  }

  #takeContent(
    { entry, offset = 0 }: Accepted,
    { pulse, socket$, failing }: Answered,
    resume: GetWords['resume'],
    to: Download['to'],
    onProof: (proof: ContentProof) => void,
  ): Observable<Progress> {
    const { size, modified, mode } = assertTold(entry);
    assertAsAsked({ offset, size, modified }, resume);
    const block$ = new Subject<string>();
    const onBlock = (digest: string) => block$.next(digest);
    const options = { ...this.#content(pulse, offset, onProof), size, onBlock };
    const blocks = { algorithm: this.#options.digestName, digest$: block$.asObservable() };
    return socket$.pipe(
      waitForReason('receiving'),
      mergeMap((socket) => {
        // The sink shall hear the server's reason: what it keeps of a content depends on why that ends.
        const source = sourceThrough(receiveContent(socket, options), (bytes$) =>
          bytes$.pipe(waitForReason('receiving'), failing),
        );
        return lendingPump(source, to({ size, modified, mode, offset, blocks })).pipe(
          // A sink that fails before it asks for a byte leaves the connection without a reader to close it.
          finalize(() => socket.destroy()),
        );
      }),
    );
  }

  #takeSegments(
    accepted: Accepted,
    { pulse, failing }: Answered,
    { words, have: there, segments }: Pick<Download, 'segments'> & { words: GetWords; have: Checkpoint | undefined },
    onProof: (proof: ContentProof) => void,
  ): Observable<Progress> {
    const { size, modified, mode } = assertTold(accepted.entry);
    if (words.segments === undefined || segments === undefined) throw notAsked('in segments');
    // What the server was not told of, it cannot have left out.
    const told = words.kept ? there : words.resume && leadingPart(there);
    if (told && (told.size !== size || told.modified !== modified)) throw notAsked('with another content');
    const options = this.#segments(accepted, size, pulse, onProof);
    const { ranges, digestName: algorithm } = options;
    const have = besideRanges(told, ranges, size);
    return segments.to({ size, modified, mode, ranges, have, algorithm })(receiveSegments(options, failing));
  }

  /** Runs an upload: progress while the connection takes it, `completed` when the server says that it is kept. */
  upload({ path, from, segments, ...upload }: Upload): Observable<Reply> {
    const { size, modified, keepTime, mode, overwrite, fsync, resume } = upload;
    const about = { size, modified, keepTime, mode, overwrite, fsync, resume };
    // Whoever goes on with something has to know of segments: the server may have it in several places.
    const asked = size !== undefined && size > BLOCK_BYTES ? this.#mayAsk(segments, resume === true) : undefined;
    const words = { ...about, ...(asked && { segments: asked.count }) };
    let sent: ContentProof | undefined;
    const onProof = (proof: ContentProof) => (sent = proof);
    return this.#request({ ...words, type: 'put', path: [...path] }, ({ reply, pulse, socket$ }) => {
      if (reply.type === 'skipped') return of<Reply>({ type: 'skipped' });
      if (reply.type === 'completed') return of<Reply>({ type: 'completed', bytes: assertSame(reply, sent).bytes });
      const accepted = reply as Accepted;
      const there = this.#leftoverOf(accepted, about);
      if (accepted.segments) return this.#giveSegments(accepted, pulse, asked, { size, there }, onProof);
      const content = this.#content(pulse, leadingRun(there.have)?.end ?? 0, onProof);
      return socket$.pipe(
        mergeMap((socket) => lendingPump(from(there), sendContent(socket, content))),
        waitForReason('sending'),
        map(progressReply),
      );
    });
  }

  #giveSegments(
    accepted: Accepted,
    pulse: TransferPulse,
    asked: UploadSegments | undefined,
    { size, there }: { readonly size: number | undefined; readonly there: Leftover },
    onProof: (proof: ContentProof) => void,
  ): Observable<Reply> {
    if (asked === undefined || size === undefined) throw notAsked('in segments');
    const options = this.#segments(accepted, size, pulse, onProof);
    const have = besideRanges(there.have, options.ranges, size);
    return asked.from(options.ranges, { ...there, have }).pipe(
      mergeMap((segments) => sendSegments(segments, options)),
      map(progressReply),
    );
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
          waitForReason('receiving'),
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
        waitForReason('sending'),
        tap((sending) => (count = sending)),
        map(({ problem }) => progress(problem)),
      );
    });
  }

  /**
   * What a get says of what is here already, and of segments. A checkpoint of another digest than the session's means
   * nothing to the server, and what is behind a hole only to one that knows of segments.
   */
  #getWords(have: Checkpoint | undefined, segments: DownloadSegments | undefined): GetWords {
    const isUsable = have?.algorithm === this.#options.digestName;
    const { size = 0, modified = 0, runs = [] } = isUsable ? have : {};
    const first = isUsable ? leadingRun(have) : undefined;
    const isScattered = runs.length > (first ? 1 : 0);
    const asked = this.#mayAsk(segments, isScattered);
    return {
      ...(first && { resume: { offset: first.end, size, modified, digest: first.digest } }),
      ...(asked && { segments: asked.count }),
      ...(asked && isScattered && { kept: { size, modified, runs: [...runs] } }),
    };
  }

  /** Segments where it makes sense to ask for them; the token of a side that listens is for one connection. */
  #mayAsk<S extends { readonly count: number }>(segments: S | undefined, isNeeded: boolean): S | undefined {
    if (segments === undefined || this.#options.listener === 'client') return undefined;
    return segments.count > 1 || isNeeded ? segments : undefined;
  }

  /** What the server says that it has of an upload, or of another content in its place. */
  #leftoverOf(accepted: Accepted, { size, modified, resume }: Partial<Upload>): Leftover {
    const { offset = 0, digest, kept, dropped } = accepted;
    if (offset === 0 && kept === undefined) return { dropped };
    const first: readonly VerifiedRun[] = digest === undefined ? [] : [{ offset: 0, end: offset, digest }];
    const runs = kept ?? first;
    if (!resume || size === undefined || modified === undefined || runs.length === 0) throw notAsked(`at ${offset}`);
    return { have: { size, modified, runs, algorithm: this.#options.digestName } };
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
            const socket$ = reply.type === 'accepted' && !reply.segments ? plan.connect(reply) : EMPTY;
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
        words: { next: true as const },
        connect: ({ port, token, next }: Accepted) => {
          if (port === undefined || token === undefined) throw noPort();
          return dial({ port, token, next });
        },
      })),
    );
  }

  #content(pulse: TransferPulse, offset: number, onProof: (proof: ContentProof) => void): ContentOptions {
    const { digestName, checked, maxFrame } = this.#options;
    return { digestName, checked, maxFrame, offset, pulse, onProof };
  }

  #segments(
    { port, segments = [] }: Accepted,
    size: number,
    pulse: TransferPulse,
    onProof: (proof: ContentProof) => void,
  ): SegmentOptions {
    const { serverAddress, dataMs } = this.#options;
    if (port === undefined) throw noPort();
    const ranges = segments.map(({ offset, end }) => ({ offset, end }));
    const socketOf = (index: number) =>
      connectData(serverAddress, { port, token: segments[index]?.token ?? '' }, dataMs);
    return { ...this.#content(pulse, 0, onProof), pulse, size, ranges, socketOf };
  }
}

/** A plan in which this side listens: it lasts until it is unsubscribed, and closes a connection that nobody took. */
const planListening = (ownAddress: string, dataMs: number): Observable<DataPlan> =>
  new Observable((subscriber) => {
    const arrived$ = new ReplaySubject<Socket>(1);
    let untaken: Socket | undefined;
    const take = () => arrived$.pipe(map((socket) => ((untaken = undefined), socket)));
    const waiting = awaitPeer(awaitOnOwnPort(ownAddress, 'ephemeral', dataMs), (data) => {
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

const assertTold = (entry: Accepted['entry']): Entry => {
  if (entry === undefined) throw new ProtocolError('MESSAGE_INVALID', 'the server did not say what it will send');
  return entry;
};

const noPort = () => new ProtocolError('MESSAGE_INVALID', 'the server named no data port');

/** What comes behind an offset has to be of the content that was asked for, or two of them would become one file. */
const assertAsAsked = (
  { offset, size, modified }: ContentIdentity & { readonly offset: number },
  asked: GetWords['resume'],
): void => {
  if (offset !== (asked?.offset ?? 0)) throw notAsked(`at ${offset}`);
  if (asked !== undefined && (size !== asked.size || modified !== asked.modified))
    throw notAsked('with another content');
};

const notAsked = (how: string) =>
  new ProtocolError('OFFSET_MISMATCH', `the server goes on ${how}, which was not asked for`);

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
