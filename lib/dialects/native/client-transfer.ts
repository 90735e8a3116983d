import type { Socket } from 'node:net';
import {
  EMPTY,
  NEVER,
  Observable,
  ReplaySubject,
  catchError,
  concat,
  defer,
  finalize,
  map,
  mergeMap,
  of,
  takeWhile,
  throwError,
} from 'rxjs';
import { ProtocolError, RemoteError, VerificationError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { type DigestName, createDigest } from '../../operators/digest.ts';
import type { Progress } from '../../streams/flow.ts';
import { pump, pumpWithin } from '../../streams/pump.ts';
import type { Download, Reply, Upload } from '../session.ts';
import type { ClientRequests, OpenRequest, RequestWords } from './client-requests.ts';
import { type ContentOptions, receiveContent, sendContent } from './content.ts';
import { type DataOffer, awaitOnOwnPort, connectData } from './data-connections.ts';
import type { Liveness } from './liveness.ts';
import type { ReplyMessage, Trailer } from './messages.ts';
import { waitForReason } from './wait-for-reason.ts';

// The frames of a content are views of its chunks, each sent once.
const lendingPump = pumpWithin({ lend: true });

export interface ClientTransferOptions {
  readonly requests: ClientRequests;
  readonly digestName: DigestName;
  readonly liveness: Liveness;
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

type Accepted = Extract<ReplyMessage, { type: 'accepted' }>;

/** Gets and puts, as the client speaks them. */
export class ClientTransfer {
  readonly #options: ClientTransferOptions;

  constructor(options: ClientTransferOptions) {
    this.#options = options;
  }

  /** Runs a download: progress while the sink takes it, `completed` when the server was told that it is kept. */
  download({ path, to }: Download): Observable<Reply> {
    return this.#request({ type: 'get', path: [...path] }, ({ reply, request, socket$ }) => {
      if (reply.type === 'completed') return EMPTY;
      const { entry } = reply as Accepted;
      if (entry === undefined) throw new ProtocolError('MESSAGE_INVALID', 'the server did not say what it will send');
      let kept: Trailer = { bytes: 0, digest: '' };
      const content = this.#content((trailer) => (kept = trailer));
      return concat(
        socket$.pipe(
          mergeMap((socket) =>
            // A sink that fails before it asks for a byte leaves the connection without a reader to close it.
            pump(receiveContent(socket, content), to(entry)).pipe(finalize(() => socket.destroy())),
          ),
          map(progressReply),
        ),
        defer(() => concat(request.confirm(kept), of<Reply>({ type: 'completed', bytes: kept.bytes }))),
      );
    });
  }

  /** Runs an upload: progress while the connection takes it, `completed` when the server says that it is kept. */
  upload({ path, from, ...about }: Upload): Observable<Reply> {
    let sent: Trailer | undefined;
    return this.#request({ ...about, type: 'put', path: [...path] }, ({ reply, socket$ }) => {
      if (reply.type === 'skipped') return of<Reply>({ type: 'skipped' });
      if (reply.type === 'completed') return of<Reply>({ type: 'completed', bytes: assertSame(reply, sent).bytes });
      const content = this.#content((trailer) => (sent = trailer));
      return socket$.pipe(
        mergeMap((socket) => lendingPump(from, sendContent(socket, content))),
        map(progressReply),
      );
    });
  }

  #request(
    words: RequestWords,
    answer: (context: { reply: ReplyMessage; request: OpenRequest; socket$: Observable<Socket> }) => Observable<Reply>,
  ): Observable<Reply> {
    return this.#planData().pipe(
      mergeMap((plan) => {
        const request = this.#options.requests.start({ ...words, ...plan.words });
        const assertExpected = replyOrder();
        return request.reply$.pipe(
          mergeMap((reply) => {
            assertExpected(reply);
            const socket$ = reply.type === 'accepted' ? plan.connect(reply) : EMPTY;
            return answer({ reply, request, socket$ }).pipe(waitForReason());
          }),
          catchError((error: unknown) => {
            if (!(error instanceof RemoteError)) request.abort(sluiceError(error));
            return throwError(() => error);
          }),
        );
      }),
      takeWhile(({ type }) => type !== 'completed' && type !== 'skipped', true),
    );
  }

  #planData(): Observable<DataPlan> {
    const { listener, serverAddress, ownAddress, dataMs } = this.#options;
    if (listener === 'client') return planListening(ownAddress, dataMs);
    const connect = ({ port, token }: Accepted) => {
      if (port === undefined || token === undefined)
        throw new ProtocolError('MESSAGE_INVALID', 'the server named no data port');
      return connectData(serverAddress, { port, token }, dataMs);
    };
    return of({ words: {}, connect });
  }

  #content(onTrailer: (trailer: Trailer) => void): ContentOptions {
    const { digestName, maxFrame, liveness } = this.#options;
    return { digest: createDigest(digestName), maxFrame, liveness, onTrailer };
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

const progressReply = ({ bytes }: Progress): Reply => ({ type: 'progress', bytes });

/** Refuses replies that a transfer cannot have: anything but one `accepted` and one end. */
const replyOrder = (): ((reply: ReplyMessage) => void) => {
  let accepted = false;
  return ({ type }) => {
    const expected = accepted ? ['completed'] : ['accepted', 'skipped'];
    if (!expected.includes(type))
      throw new ProtocolError('STATE_UNEXPECTED', `the server answered a transfer with "${type}" out of turn`);
    accepted = true;
  };
};

const assertSame = (kept: Trailer, sent: Trailer | undefined): Trailer => {
  if (sent === undefined)
    throw new ProtocolError('STATE_UNEXPECTED', 'the server confirmed content that was not sent yet');
  if (kept.bytes !== sent.bytes || kept.digest !== sent.digest)
    throw new VerificationError(
      'DIGEST_MISMATCH',
      `the server kept ${kept.bytes} bytes with digest ${kept.digest}, sent were ${sent.bytes} with ${sent.digest}`,
    );
  return sent;
};
