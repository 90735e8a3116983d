import type { Socket } from 'node:net';
import { type Observable, concat, defer, first, ignoreElements, map, mergeMap, of, share, take, tap } from 'rxjs';
import { FileError, VerificationError } from '../../errors/errors.ts';
import type { DigestName } from '../../operators/digest.ts';
import { type Checkpoint, type ContentRange, leadingRun } from '../../store/checkpoint.ts';
import type { Sink, Source } from '../../streams/flow.ts';
import { sourceThrough } from '../../streams/source-through.ts';
import type { Leftover } from '../../transfer/checkpoints.ts';
import type { TreeSink, TreeSource } from '../../transfer/tree.ts';
import type { ArrivingContent, DownloadSegments, UploadSegments } from '../session.ts';
import { ArrivingBlocks, Gaps } from './arriving-blocks.ts';
import { type ContentOptions, receiveContentOver, sendContent } from './content.ts';
import type { ControlChannel } from './control-channel.ts';
import { type AwaitPeers, awaitPeer, connectData } from './data-connections.ts';
import { DEFAULT_LIMITS, type ConversationLimits } from '../limits.ts';
import type { Accepted, ContentProof, TransferRequest, TreeRequest } from './messages.ts';
import type { PortsAhead } from './ports-ahead.ts';
import type { RunningRequest } from './running-request.ts';
import { type SegmentOptions, receiveSegments, sendSegments } from './segment-content.ts';
import { receiveTree, sendTree } from './tree-content.ts';
import { waitForReason } from './wait-for-reason.ts';

const FIRST_UNPRIVILEGED_PORT = 1024;

export interface ServerTransferOptions {
  readonly control: ControlChannel;
  readonly awaitPeers: AwaitPeers;
  /** For clients that want to know of the next port, where sessions have some of their own. */
  readonly ahead: PortsAhead | undefined;
  readonly digestName: DigestName;
  readonly limits: ConversationLimits;
}

/** The data side of one get or put, of a file or a tree, as the server speaks it. */
export class ServerTransfer {
  readonly #options: ServerTransferOptions;
  readonly #request: TransferRequest | TreeRequest;
  readonly #running: RunningRequest;
  /** The blocks of an upload that comes over one data connection. */
  readonly blocks: ArrivingBlocks;

  constructor(options: ServerTransferOptions, request: TransferRequest | TreeRequest, running: RunningRequest) {
    this.#options = options;
    this.#request = request;
    this.#running = running;
    this.blocks = new ArrivingBlocks(options.digestName, this.#segments === undefined ? undefined : new Gaps());
  }

  /** What the client of a get says that it has. */
  get resume(): Checkpoint | undefined {
    if (this.#request.type !== 'get') return undefined;
    const { resume, kept } = this.#request;
    const algorithm = this.#options.digestName;
    if (kept !== undefined && this.#segments !== undefined) return { ...kept, algorithm };
    if (resume === undefined) return undefined;
    const { offset: end, digest, size, modified } = resume;
    return { size, modified, algorithm, runs: [{ offset: 0, end, digest }] };
  }

  /** How many segments the client would like, if it knows of them: the one token of a client that listens is for one. */
  get #segments(): number | undefined {
    const request = this.#request;
    return (request.type === 'get' || request.type === 'put') && request.data === undefined
      ? request.segments
      : undefined;
  }

  /** The client as the place where the segments of a file go, where it wants to have some. */
  get downloadSegments(): DownloadSegments | undefined {
    if (this.#segments === undefined) return undefined;
    return {
      count: this.#segments,
      to: ({ size, modified, mode, ranges }) => {
        const name = this.#request.path.at(-1) ?? '';
        const options = this.#segmentOptions(size, ranges, { entry: { name, kind: 'file', size, modified, mode } });
        return (sources) =>
          concat(sendSegments(sources, { ...options, maxFrame: this.#maxSent() }), this.#receipt()).pipe(
            this.#running.failingContent(),
          );
      },
    };
  }

  /** The client as the place where the segments of a file come from, where it knows how to send them. */
  get uploadSegments(): UploadSegments | undefined {
    const request = this.#request;
    if (this.#segments === undefined || request.type !== 'put') return undefined;
    const { size = 0 } = request;
    return {
      count: this.#segments,
      from: (ranges, { have, dropped }) => {
        const words = { ...(have && { kept: [...have.runs] }), ...(dropped !== undefined && { dropped }) };
        return of(receiveSegments(this.#segmentOptions(size, ranges, words), this.#running.failingContent()));
      },
    };
  }

  /**
   * The client as the place where a file goes: the file is announced, the content sent, and the sink completes when
   * the client has said that it kept the same content.
   */
  sinkFor({ size = 0, modified = 0, mode = 0, offset }: ArrivingContent): Sink {
    const name = this.#request.path.at(-1) ?? '';
    const accepted = { entry: { name, kind: 'file', size, modified, mode }, ...(offset > 0 && { offset }) } as const;
    return (valve) => (bytes$) =>
      concat(
        this.#open(accepted).pipe(
          mergeMap((socket) =>
            bytes$.pipe(sendContent(socket, { ...this.#content(offset), maxFrame: this.#maxSent() })(valve)),
          ),
        ),
        this.#receipt(),
      ).pipe(waitForReason('sending'), this.#running.failingContent());
  }

  /** The client as the place where a file comes from, behind what is here already. */
  sourceBehind({ have, dropped }: Leftover): Source {
    const { end: offset = 0, digest } = leadingRun(have) ?? {};
    const accepted = { ...(have && { offset, digest }), ...(dropped !== undefined && { dropped }) };
    const size = this.#request.type === 'put' ? this.#request.size : undefined;
    const options = { ...this.#content(offset), size, blocks: this.blocks };
    return sourceThrough(receiveContentOver(this.#open(accepted), options), this.#running.failingContent());
  }

  /** The client as the place where a folder goes; the sink completes when the client has said that it has all of it. */
  get treeSink(): TreeSink {
    return (valve) => (item$) =>
      concat(
        this.#open({}).pipe(
          mergeMap((socket) =>
            item$.pipe(sendTree(socket, { ...this.#content(0), maxFrame: this.#maxSent(), packs: this.#packs })(valve)),
          ),
        ),
        this.#receipt(),
      ).pipe(waitForReason('sending'), this.#running.failingContent());
  }

  /** The client as the place where a folder comes from. */
  get treeSource(): TreeSource {
    return (valve) =>
      this.#open(this.#packs ? { packs: true } : {}).pipe(
        mergeMap((socket) => receiveTree(socket, this.#content(0))(valve)),
        waitForReason('receiving'),
        this.#running.failingContent(),
      );
  }

  /** Whether the client of a tree knows packs. */
  get #packs(): boolean {
    const request = this.#request;
    return (request.type === 'get-tree' || request.type === 'put-tree') && request.packs === true;
  }

  #open(words: Omit<Accepted, 'type' | 'id'>): Observable<Socket> {
    const { control, limits } = this.#options;
    const accepted: Accepted = { type: 'accepted', id: this.#request.id, ...words };
    const { data, next } = this.#request;
    if (data === undefined) return awaitPeer(this.#awaiting(next), (offer) => control.send({ ...accepted, ...offer }));
    // Only ever to the address that the control connection comes from: no client can aim the server at others.
    if (data.port < FIRST_UNPRIVILEGED_PORT)
      throw new FileError('PERMISSION_DENIED', `data port ${data.port} is refused: ports below 1024 are not dialled`);
    return concat(control.send(accepted), connectData(control.peer, data, limits.dataMs));
  }

  #awaiting(next = false): AwaitPeers {
    const { ahead, awaitPeers } = this.#options;
    return next && ahead !== undefined ? (count, announce) => ahead.awaitPeers(count, announce) : awaitPeers;
  }

  /** How the segments travel; the first that asks for its connection has all of them announced. */
  #segmentOptions(size: number, ranges: readonly ContentRange[], words: Omit<Accepted, 'type' | 'id'>): SegmentOptions {
    const { control, awaitPeers } = this.#options;
    const { id } = this.#request;
    const connection$ = defer(() =>
      awaitPeers(ranges.length, ({ port, tokens }) => {
        const segments = ranges.map((range, index) => ({ ...range, token: tokens[index] ?? '' }));
        return control.send({ type: 'accepted', id, ...words, port, segments });
      }),
    ).pipe(share());
    const socketOf = (index: number) =>
      connection$.pipe(
        first((connection) => connection.index === index),
        map(({ socket }) => socket),
      );
    const { pulse } = this.#running;
    return { ...this.#content(0), pulse, size, ranges, socketOf };
  }

  #content(offset: number): ContentOptions {
    const { control, digestName, limits } = this.#options;
    return {
      digestName,
      checked: control.checked,
      offset,
      pulse: this.#running.pulse,
      maxFrame: limits.dataFrame,
      onProof: (proof) => (this.#running.proof = proof),
    };
  }

  /** Every client takes frames up to the protocol's own limit, whatever this server takes. */
  #maxSent(): number {
    return Math.min(this.#options.limits.dataFrame, DEFAULT_LIMITS.dataFrame);
  }

  #receipt(): Observable<never> {
    return this.#running.receipt$.pipe(
      take(1),
      tap((receipt) => assertSame(receipt, this.#running.proof)),
      ignoreElements(),
    );
  }
}

const assertSame = (receipt: ContentProof, sent: ContentProof | undefined): void => {
  if (receipt.bytes !== sent?.bytes)
    throw new VerificationError('SIZE_MISMATCH', `the receiver kept ${receipt.bytes} bytes of ${sent?.bytes ?? 0}`);
  if (receipt.digest !== sent.digest)
    throw new VerificationError('DIGEST_MISMATCH', `the receiver kept ${receipt.digest}, ${sent.digest} was sent`);
};
