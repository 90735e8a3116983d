import type { Socket } from 'node:net';
import { Observable } from 'rxjs';
import { ConnectionError } from '../../errors/errors.ts';
import { plainAddress } from '../../net/address.ts';
import { closeGently } from '../../net/close-gently.ts';
import { decodeWith } from '../../operators/decode-with.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import { fromReadable } from '../../streams/from-readable.ts';
import { Valve } from '../../streams/valve.ts';
import { Liveness, type LivenessLimits } from './liveness.ts';
import { MessageDecoder, type MessageDecoderOptions } from './message-decoder.ts';
import { type Message, encodeMessage } from './messages.ts';

export interface ControlChannelOptions extends LivenessLimits, Omit<MessageDecoderOptions, 'liveness'> {
  /** Messages that may be held before the connection is no longer read. */
  readonly maxHeld: number;
}

/** A control connection as frames in and messages out. */
export class ControlChannel {
  /** Counts messages that are being worked on; while it is closed the connection is not read. */
  readonly valve: Valve;
  /** To be told of content that moves; of messages it knows. */
  readonly liveness: Liveness;
  readonly #socket: Socket;
  readonly #messages: MessageDecoder;
  #unsent = 0;

  constructor(socket: Socket, { maxPayload, maxHeld, checked, ...limits }: ControlChannelOptions) {
    this.#socket = socket;
    this.liveness = new Liveness(limits);
    this.#messages = new MessageDecoder({ maxPayload, checked, liveness: this.liveness });
    this.valve = new Valve({ high: maxHeld, low: maxHeld - 1 });
  }

  /**
   * Emits the payload of each message. Subscribe once; completes when the peer ends the connection between two frames;
   * errors with frame errors, with `DIGEST_MISMATCH` and with `CLOSED_EARLY`. Unsubscribing stops reading.
   */
  get payload$(): Observable<Buffer> {
    return fromReadable(this.#socket, { own: false, nameError: connectionLost })(this.valve.open$).pipe(
      decodeWith(() => this.#messages),
    );
  }

  /** Whether words still reach the peer, as far as this side knows. */
  get isOpen(): boolean {
    return this.#socket.writable;
  }

  /** Whether messages carry a check, those of the session's data connections too. */
  get checked(): boolean {
    return this.#messages.checked;
  }

  /** The other end's address; empty where the connection is gone and nobody had asked before. */
  get peer(): string {
    return plainAddress(this.#socket.remoteAddress ?? '');
  }

  /** This end's address, likewise. */
  get here(): string {
    return plainAddress(this.#socket.localAddress ?? '');
  }

  /**
   * Subscribes what `ping` gives whenever the peer has been quiet for a while. Never emits; errors with `STALLED` when the peer is
   * gone. While this side itself does not read, the peer's silence means nothing.
   */
  keepAlive(ping: () => Observable<unknown>): Observable<never> {
    return new Observable((subscriber) => {
      const ask = () => {
        if (this.valve.isOpen) subscriber.add(ping().subscribe({ error: (error: unknown) => subscriber.error(error) }));
        else this.#hearReplies();
      };
      this.liveness.watch(ask).subscribe(subscriber);
    });
  }

  /** Not reading because of our own work says nothing about the peer; replies that it does not take do. */
  #hearReplies(): void {
    const unsent = this.#socket.writableLength;
    if (unsent === 0 || unsent !== this.#unsent) this.liveness.heard();
    this.#unsent = unsent;
  }

  /**
   * Sends a message on subscription. Never emits; completes when the kernel has taken it, so that whoever waits for it
   * is slowed down with a peer that does not read. Errors with `CLOSED_EARLY`.
   */
  send(message: Message): Observable<never> {
    return new Observable((subscriber) => {
      if (!this.#socket.writable) {
        subscriber.error(connectionLost());
        return;
      }
      this.#socket.write(encodeFrame(encodeMessage(message, this.checked)), (error) => {
        if (error) subscriber.error(connectionLost(error));
        else subscriber.complete();
      });
    });
  }

  /** Closes the connection when what was sent is out. */
  close(): void {
    closeGently(this.#socket);
  }
}

export const connectionLost = (cause?: unknown): ConnectionError =>
  new ConnectionError('CLOSED_EARLY', 'the connection was lost', cause === undefined ? undefined : { cause });
