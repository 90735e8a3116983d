import type { Socket } from 'node:net';
import { EMPTY, type MonoTypeOperatorFunction, Observable, concat, mergeMap, timeout, throwError, timer } from 'rxjs';
import { ConnectionError, TimeoutError } from '../../errors/errors.ts';
import { plainAddress } from '../../net/address.ts';
import { closeGently } from '../../net/close-gently.ts';
import { type MessageForm, takeMessage } from '../../net/take-message.ts';

/**
 * One connection of a classic dialect, control or data. Words are taken and said one after the other, and what is not
 * taken waits in the connection, which is the only queue.
 */
export class Line {
  readonly socket: Socket;
  /** Milliseconds without a sign of the peer, while one is due, after which it counts as gone. */
  readonly stallMs: number;

  constructor(socket: Socket, stallMs: number) {
    this.socket = socket;
    this.stallMs = stallMs;
    // A peer that has said its last word may still want to hear ours.
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
  }

  /** The other end's address. */
  get peer(): string {
    return plainAddress(this.socket.remoteAddress ?? '');
  }

  /** This end's address. */
  get ownAddress(): string {
    return plainAddress(this.socket.localAddress ?? '');
  }

  /** The next message; see `takeMessage`. Waits for it as long as it takes. */
  take<T>(form: MessageForm<T>): Observable<T> {
    return takeMessage(this.socket, form);
  }

  /**
   * Sends on subscription, in a segment of its own where nothing else is under way. Never emits; completes when the
   * kernel has taken it. Errors with `CLOSED_EARLY`, and with `STALLED` when the peer takes nothing for too long.
   */
  say(words: Buffer | string): Observable<never> {
    const sent$ = new Observable<never>((subscriber) => {
      if (!this.socket.writable) return subscriber.error(connectionLost());
      this.socket.write(words, (error) => {
        if (error) subscriber.error(connectionLost(error));
        else subscriber.complete();
      });
    });
    return sent$.pipe(within(this.stallMs));
  }

  /** Closes when what was said is out. Harmless a second time. */
  close(): void {
    closeGently(this.socket);
  }

  /** Breaks off, so that the peer cannot take what came for the whole. */
  reset(): void {
    if (this.socket.destroyed) return;
    // Node loses the handle of a socket that is reset while it shuts down.
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}

/** Completes after that time: peers that take one read for one message need it between two of them. */
export const pause = (ms: number): Observable<never> => timer(ms).pipe(mergeMap(() => EMPTY));

/** Says one thing after the other, each in a segment of its own. */
export const sayApart = (line: Line, words: readonly (Buffer | string)[], pauseMs: number): Observable<never> =>
  concat(...words.flatMap((word, index) => (index === 0 ? [line.say(word)] : [pause(pauseMs), line.say(word)])));

export const connectionLost = (cause?: unknown): ConnectionError =>
  new ConnectionError('CLOSED_EARLY', 'the connection was lost', { cause });

export const stalled = (ms: number): TimeoutError => new TimeoutError('STALLED', `nothing moved for ${ms / 1000} s`);

/** For what the peer has to say in time: errors with `STALLED` where nothing is emitted by then. */
export const within = <T>(ms: number): MonoTypeOperatorFunction<T> =>
  timeout({ first: ms, with: () => throwError(() => stalled(ms)) });
