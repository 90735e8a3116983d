import type { Socket } from 'node:net';
import {
  EMPTY,
  type MonoTypeOperatorFunction,
  NEVER,
  type Observable,
  Subject,
  catchError,
  defer,
  merge,
  mergeMap,
  takeUntil,
  takeWhile,
  throwError,
} from 'rxjs';
import { ProtocolError, RemoteError, VerificationError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import type { DigestName } from '../../operators/digest.ts';
import type { Reply } from '../session.ts';
import type { ClientRequests, OpenRequest, RequestWords } from './client-requests.ts';
import type { ContentOptions } from './content.ts';
import type { ControlChannel } from './control-channel.ts';
import { connectData } from './data-connections.ts';
import { DataDialler } from './data-dialler.ts';
import { type DataPlan, noPort, planDialling, planListening } from './data-plan.ts';
import type { Accepted, ContentProof, ReplyMessage } from './messages.ts';
import type { SegmentOptions } from './segment-content.ts';
import { type PulseLimits, TransferPulse } from './transfer-pulse.ts';

export interface TransferRequestsOptions {
  readonly requests: ClientRequests;
  /** Its other end is where data connections go, and nowhere else. */
  readonly control: ControlChannel;
  readonly digestName: DigestName;
  readonly pulseLimits: PulseLimits;
  /** Who waits for the data connection. */
  readonly listener: 'server' | 'client';
  readonly maxFrame: number;
  readonly dataMs: number;
}

/** One reply to a transfer, and what is needed to go on with it. */
export interface Answered {
  readonly reply: ReplyMessage;
  readonly request: OpenRequest;
  readonly pulse: TransferPulse;
  /** Makes the data connection that an `accepted` offers. */
  readonly socket$: Observable<Socket>;
  /** Where content is subscribed through it, the request's failure goes through that content, and ends it. */
  readonly failing: MonoTypeOperatorFunction<Buffer>;
}

/** What every transfer of a session has, of files or of trees: its request, its data connection, and its pulse. */
export class TransferRequests {
  readonly #options: TransferRequestsOptions;
  #dialler: DataDialler | undefined;

  constructor(options: TransferRequestsOptions) {
    this.#options = options;
  }

  get digestName(): DigestName {
    return this.#options.digestName;
  }

  /** Whether a transfer may have several data connections: the token of a side that listens is for one. */
  get mayBeInSegments(): boolean {
    return this.#options.listener === 'server';
  }

  /**
   * Makes a request, and does with each reply what `answer` says. Completes with a final reply of its; errors with the
   * server's reason, or with this side's, of which the server is told. Unsubscribing cancels the transfer.
   */
  run(words: RequestWords, answer: (context: Answered) => Observable<Reply>): Observable<Reply> {
    return defer(() => this.#planData()).pipe(
      mergeMap((plan) => {
        const { requests, control, pulseLimits } = this.#options;
        const request = requests.start({ ...words, ...plan.words });
        const pulse = new TransferPulse(control.liveness, pulseLimits);
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
    const { listener, control, requests, dataMs } = this.#options;
    // A connection that is gone has no addresses any more.
    requests.assertOpen();
    if (listener === 'client') return planListening(control.here, dataMs);
    return planDialling((this.#dialler ??= new DataDialler(control.peer, dataMs)));
  }

  /** How content travels behind one request. */
  content(pulse: TransferPulse, offset: number, onProof: (proof: ContentProof) => void): ContentOptions {
    const { digestName, control, maxFrame } = this.#options;
    return { digestName, checked: control.checked, maxFrame, offset, pulse, onProof };
  }

  /** How the segments of one content do, that the server has accepted. */
  segments(
    { port, segments = [] }: Accepted,
    size: number,
    pulse: TransferPulse,
    onProof: (proof: ContentProof) => void,
  ): SegmentOptions {
    const { control, dataMs } = this.#options;
    if (port === undefined) throw noPort();
    const ranges = segments.map(({ offset, end }) => ({ offset, end }));
    const socketOf = (index: number) =>
      connectData(control.peer, { port, token: segments[index]?.token ?? '' }, dataMs);
    return { ...this.content(pulse, 0, onProof), pulse, size, ranges, socketOf };
  }
}

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

/** Gives back what the server says that it kept, if it is what was sent. */
export const assertSame = (kept: ContentProof, sent: ContentProof | undefined): ContentProof => {
  if (sent === undefined)
    throw new ProtocolError('STATE_UNEXPECTED', 'the server confirmed content that was not sent yet');
  if (kept.bytes !== sent.bytes || kept.digest !== sent.digest)
    throw new VerificationError(
      'DIGEST_MISMATCH',
      `the server kept ${kept.bytes} bytes with digest ${kept.digest}, sent were ${sent.bytes} with ${sent.digest}`,
    );
  return sent;
};
