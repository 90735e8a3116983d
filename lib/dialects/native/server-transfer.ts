import type { Socket } from 'node:net';
import { type Observable, concat, ignoreElements, mergeMap, take, tap } from 'rxjs';
import { FileError, VerificationError } from '../../errors/errors.ts';
import { type DigestName, createDigest } from '../../operators/digest.ts';
import type { Entry } from '../../protocol/entry.ts';
import type { Sink, Source } from '../../streams/flow.ts';
import { type ContentOptions, receiveContent, sendContent } from './content.ts';
import type { ControlChannel } from './control-channel.ts';
import { type AwaitPeer, connectData } from './data-connections.ts';
import { DEFAULT_LIMITS, type NativeLimits } from './limits.ts';
import type { TransferRequest, Trailer } from './messages.ts';
import type { RunningRequest } from './running-request.ts';
import { waitForReason } from './wait-for-reason.ts';

const FIRST_UNPRIVILEGED_PORT = 1024;

export interface ServerTransferOptions {
  readonly control: ControlChannel;
  readonly awaitPeer: AwaitPeer;
  readonly digestName: DigestName;
  readonly limits: NativeLimits;
}

/** The data side of one get or put as the server speaks it. */
export class ServerTransfer {
  readonly #options: ServerTransferOptions;
  readonly #request: TransferRequest;
  readonly #running: RunningRequest;

  constructor(options: ServerTransferOptions, request: TransferRequest, running: RunningRequest) {
    this.#options = options;
    this.#request = request;
    this.#running = running;
  }

  /**
   * The client as the place where a file goes: the entry is announced, the content sent, and the sink completes when
   * the client has said that it kept the same content.
   */
  sinkFor(entry: Entry): Sink {
    return (valve) => (bytes$) =>
      concat(
        this.#open(entry).pipe(
          mergeMap((socket) =>
            bytes$.pipe(sendContent(socket, { ...this.#content(), maxFrame: this.#maxSent() })(valve)),
          ),
        ),
        this.#receipt(),
      ).pipe(waitForReason(), this.#running.failingContent());
  }

  /** The client as the place where a file comes from. */
  get source(): Source {
    return (open$) =>
      this.#open().pipe(
        mergeMap((socket) => receiveContent(socket, this.#content())(open$)),
        waitForReason(),
        this.#running.failingContent(),
      );
  }

  #open(entry?: Entry): Observable<Socket> {
    const { control, awaitPeer, limits } = this.#options;
    const accepted = { type: 'accepted', id: this.#request.id, ...(entry === undefined ? {} : { entry }) } as const;
    const { data } = this.#request;
    if (data === undefined) return awaitPeer((offer) => control.send({ ...accepted, ...offer }));
    // Only ever to the address that the control connection comes from: no client can aim the server at others.
    if (data.port < FIRST_UNPRIVILEGED_PORT)
      throw new FileError('PERMISSION_DENIED', `data port ${data.port} is refused: ports below 1024 are not dialled`);
    return concat(control.send(accepted), connectData(control.peer, data, limits.dataMs));
  }

  #content(): ContentOptions {
    const { control, digestName, limits } = this.#options;
    return {
      liveness: control.liveness,
      digest: createDigest(digestName),
      maxFrame: limits.dataFrame,
      onTrailer: (trailer) => (this.#running.trailer = trailer),
    };
  }

  /** Every client takes frames up to the protocol's own limit, whatever this server takes. */
  #maxSent(): number {
    return Math.min(this.#options.limits.dataFrame, DEFAULT_LIMITS.dataFrame);
  }

  #receipt(): Observable<never> {
    return this.#running.receipt$.pipe(
      take(1),
      tap((receipt) => assertSame(receipt, this.#running.trailer)),
      ignoreElements(),
    );
  }
}

const assertSame = (receipt: Trailer, sent: Trailer | undefined): void => {
  if (receipt.bytes !== sent?.bytes)
    throw new VerificationError('SIZE_MISMATCH', `the receiver kept ${receipt.bytes} bytes of ${sent?.bytes ?? 0}`);
  if (receipt.digest !== sent.digest)
    throw new VerificationError('DIGEST_MISMATCH', `the receiver kept ${receipt.digest}, ${sent.digest} was sent`);
};
