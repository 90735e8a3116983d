import { Observable, type Subscriber, filter } from 'rxjs';
import { LimitError, ProtocolError, type SluiceError, TimeoutError } from '../../errors/errors.ts';
import { unlessSilent } from '../../operators/unless-silent.ts';
import { type ControlChannel, connectionLost } from './control-channel.ts';
import { type ContentProof, type ReplyMessage, type Request, errorMessage, remoteError } from './messages.ts';

type WithoutId<R> = R extends unknown ? Omit<R, 'id'> : never;

/** A request before it has its number. */
export type RequestWords = WithoutId<Request>;

/** Requests that may be without their final reply at a time. */
const MAX_OPEN = 256;

const INTERIM_REPLIES: readonly ReplyMessage['type'][] = ['accepted', 'problem', 'waiting'];

/** A request on its way. */
export interface OpenRequest {
  readonly id: number;
  /** The replies that come, the final one included; errors with a `RemoteError` where the server says no. */
  readonly reply$: Observable<ReplyMessage>;
  /** Tells the server what was received and kept; from then on giving up the request cancels nothing. */
  confirm(receipt: ContentProof): Observable<never>;
  /** Tells the server that the content of the request rests on this side. */
  rest(): Observable<never>;
  /** Tells the server that the request failed here. */
  abort(error: SluiceError): void;
}

/** The requests of one client that wait for their replies, told apart by number. */
export class ClientRequests {
  readonly #control: ControlChannel;
  readonly #stallMs: number;
  /** A request that was given up keeps its number, without a listener, until the server's final word on it. */
  readonly #open = new Map<number, Subscriber<ReplyMessage> | undefined>();
  #lastId = 0;
  #ended: SluiceError | undefined;

  /** `stallMs` is how long the server may leave a question without an answer and without a word about it. */
  constructor(control: ControlChannel, stallMs: number) {
    this.#control = control;
    this.#stallMs = stallMs;
  }

  get areRunning(): boolean {
    return this.#open.size > 0;
  }

  /** Throws what ended the session, if it has ended. */
  assertOpen(): void {
    if (this.#ended !== undefined) throw this.#ended;
    if (!this.#control.isOpen) throw connectionLost();
  }

  /** The one reply to a request that is no transfer. Errors as `start` does, and with `STALLED`: then it is given up. */
  ask(words: RequestWords): Observable<ReplyMessage> {
    const seconds = this.#stallMs / 1000;
    const unanswered = () =>
      new TimeoutError('STALLED', `the server is there, but has not answered "${words.type}" within ${seconds} s`);
    return this.start(words).reply$.pipe(
      unlessSilent(this.#stallMs, unanswered),
      filter(({ type }) => type !== 'waiting'),
    );
  }

  /**
   * Sends a request on subscription of its `reply$`, which completes with the final reply. Giving it up before that
   * sends an abort. Errors with `TOO_MANY_REQUESTS`, with what ended the session, or with the server's own error.
   */
  start(words: RequestWords): OpenRequest {
    const id = (this.#lastId += 1);
    let settled = false;
    const reply$ = new Observable<ReplyMessage>((subscriber) => {
      if (this.#ended !== undefined) return subscriber.error(this.#ended);
      if (this.#open.size >= MAX_OPEN)
        return subscriber.error(new LimitError('TOO_MANY_REQUESTS', `${MAX_OPEN} requests wait for replies already`));
      this.#open.set(id, subscriber);
      const sending = this.#control.send({ ...words, id }).subscribe({
        error: (error: unknown) => subscriber.error(error),
      });
      return () => {
        sending.unsubscribe();
        if (this.#open.get(id) !== subscriber) return;
        this.#open.set(id, undefined);
        if (!settled) this.#say({ type: 'abort', id, code: 'CANCELLED', message: 'cancelled by the client' });
      };
    });
    return {
      id,
      reply$,
      confirm: (receipt) => {
        settled = true;
        return this.#control.send({ type: 'receipt', id, ...receipt });
      },
      rest: () => this.#control.send({ type: 'waiting', id }),
      abort: (error) => {
        if (settled || !this.#open.has(id)) return;
        settled = true;
        const { code, message } = errorMessage(error);
        this.#say({ type: 'abort', id, code, message: message.slice(0, 1000) });
      },
    };
  }

  /** Gives a reply to the request it belongs to. Throws `STATE_UNEXPECTED` for a reply that nobody asked for. */
  settle(reply: ReplyMessage & { readonly id: number }): void {
    if (!this.#open.has(reply.id))
      throw new ProtocolError('STATE_UNEXPECTED', `the server answered request ${reply.id}, which is not open`);
    const subscriber = this.#open.get(reply.id);
    if (INTERIM_REPLIES.includes(reply.type)) return subscriber?.next(reply);
    this.#open.delete(reply.id);
    if (reply.type === 'error') return subscriber?.error(remoteError(reply));
    subscriber?.next(reply);
    subscriber?.complete();
  }

  /** Ends every open request, and each later one, with an error. */
  fail(error: SluiceError): void {
    this.#ended ??= error;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const subscriber of open) subscriber?.error(this.#ended);
  }

  #say(message: Parameters<ControlChannel['send']>[0]): void {
    // If the connection is gone, so is the request.
    this.#control.send(message).subscribe({ error: () => undefined });
  }
}
