import { EMPTY, type Observable, concat, defer, finalize, map, mergeMap, of } from 'rxjs';
import { ProtocolError } from '../../errors/errors.ts';
import { BLOCK_BYTES } from '../../protocol/block.ts';
import type { Entry } from '../../protocol/entry.ts';
import { type Checkpoint, type ContentIdentity, type VerifiedRun, leadingRun } from '../../store/checkpoint.ts';
import type { Progress } from '../../streams/flow.ts';
import { sourceThrough } from '../../streams/source-through.ts';
import { type Leftover, leadingPart } from '../../transfer/checkpoints.ts';
import { receivingPump, sendingPump } from '../../transfer/lending-pumps.ts';
import { besideRanges } from '../../transfer/ranges.ts';
import type { Download, DownloadSegments, Reply, Upload, UploadSegments } from '../session.ts';
import { ArrivingBlocks, Gaps } from './arriving-blocks.ts';
import { receiveContent, sendContent } from './content.ts';
import type { Accepted, ContentProof, Request } from './messages.ts';
import { receiveSegments, sendSegments } from './segment-content.ts';
import type { TransferPulse } from './transfer-pulse.ts';
import { type Answered, type TransferRequests, assertSame } from './transfer-requests.ts';
import { waitForReason } from './wait-for-reason.ts';

type GetWords = Pick<Extract<Request, { type: 'get' }>, 'resume' | 'segments' | 'kept'>;

/** Gets and puts of files, as the client speaks them. */
export class ClientFileTransfer {
  readonly #requests: TransferRequests;

  constructor(requests: TransferRequests) {
    this.#requests = requests;
  }

  /** Runs a download: progress while the sink takes it, `completed` when the server was told that it is kept. */
  download({ path, resume: have, to, segments }: Download): Observable<Reply> {
    const words = this.#getWords(have, segments);
    return this.#requests.run({ type: 'get', path: [...path], ...words }, (answered) => {
      const { reply, request } = answered;
      if (reply.type === 'completed') return EMPTY;
      const accepted = reply as Accepted;
      let kept: ContentProof = { bytes: 0, digest: '' };
      const onProof = (proof: ContentProof) => (kept = proof);
      const progress$ = accepted.segments
        ? this.#takeSegments(accepted, answered, { words, have, segments }, onProof)
        : this.#takeContent(accepted, answered, { words, to, segments }, onProof);
      return concat(
        progress$.pipe(map(progressReply)),
        defer(() => concat(request.confirm(kept), of<Reply>({ type: 'completed', bytes: kept.bytes }))),
      );
    });
  }

  #takeContent(
    { entry, offset = 0 }: Accepted,
    { pulse, socket$, failing }: Answered,
    { words, to, segments }: Pick<Download, 'to' | 'segments'> & { readonly words: GetWords },
    onProof: (proof: ContentProof) => void,
  ): Observable<Progress> {
    const { size, modified, mode } = assertTold(entry);
    assertAsAsked({ offset, size, modified }, words.resume);
    const gaps = segments && this.#requests.mayBeInSegments ? new Gaps() : undefined;
    const blocks = new ArrivingBlocks(this.#requests.digestName, gaps);
    const options = { ...this.#requests.content(pulse, offset, onProof), size, blocks };
    return socket$.pipe(
      waitForReason('receiving'),
      mergeMap((socket) => {
        // The sink shall hear the server's reason: what it keeps of a content depends on why that ends.
        const source = sourceThrough(receiveContent(socket, options), (bytes$) =>
          bytes$.pipe(waitForReason('receiving'), failing),
        );
        return receivingPump(source, to({ size, modified, mode, offset, blocks })).pipe(
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
    const options = this.#requests.segments(accepted, size, pulse, onProof);
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
    return this.#requests.run({ ...words, type: 'put', path: [...path] }, ({ reply, pulse, socket$ }) => {
      if (reply.type === 'skipped') return of<Reply>({ type: 'skipped' });
      if (reply.type === 'completed') return of<Reply>({ type: 'completed', bytes: assertSame(reply, sent).bytes });
      const accepted = reply as Accepted;
      const there = this.#leftoverOf(accepted, about);
      if (accepted.segments) return this.#giveSegments(accepted, pulse, asked, { size, there }, onProof);
      const content = this.#requests.content(pulse, leadingRun(there.have)?.end ?? 0, onProof);
      return socket$.pipe(
        mergeMap((socket) => sendingPump(from(there), sendContent(socket, content))),
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
    const options = this.#requests.segments(accepted, size, pulse, onProof);
    const have = besideRanges(there.have, options.ranges, size);
    return asked.from(options.ranges, { ...there, have }).pipe(
      mergeMap((segments) => sendSegments(segments, options)),
      map(progressReply),
    );
  }

  /**
   * What a get says of what is here already, and of segments. A checkpoint of another digest than the session's means
   * nothing to the server, and what is behind a hole only to one that knows of segments.
   */
  #getWords(have: Checkpoint | undefined, segments: DownloadSegments | undefined): GetWords {
    const isUsable = have?.algorithm === this.#requests.digestName;
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
    if (segments === undefined || !this.#requests.mayBeInSegments) return undefined;
    return segments.count > 1 || isNeeded ? segments : undefined;
  }

  /** What the server says that it has of an upload, or of another content in its place. */
  #leftoverOf(accepted: Accepted, { size, modified, resume }: Partial<Upload>): Leftover {
    const { offset = 0, digest, kept, dropped } = accepted;
    if (offset === 0 && kept === undefined) return { dropped };
    const first: readonly VerifiedRun[] = digest === undefined ? [] : [{ offset: 0, end: offset, digest }];
    const runs = kept ?? first;
    if (!resume || size === undefined || modified === undefined || runs.length === 0) throw notAsked(`at ${offset}`);
    return { have: { size, modified, runs, algorithm: this.#requests.digestName } };
  }
}

const assertTold = (entry: Accepted['entry']): Entry => {
  if (entry === undefined) throw new ProtocolError('MESSAGE_INVALID', 'the server did not say what it will send');
  return entry;
};

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
