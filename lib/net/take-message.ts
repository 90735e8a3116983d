import type { Socket } from 'node:net';
import { Observable } from 'rxjs';
import { ConnectionError } from '../errors/errors.ts';

/** A message at the start of what was received. */
export interface Found<T> {
  readonly value: T;
  /** Received bytes that it used up; the rest belongs to the next reader. */
  readonly length: number;
}

/** How a message is told from the bytes around it. */
export interface MessageForm<T> {
  /**
   * Looks for the message: undefined where it is not whole yet, a throw where it can never be. `silentMs` is for how
   * long nothing has come. The bytes are a view that is good for this call only.
   */
  readonly find: (received: Buffer, silentMs: number) => Found<T> | undefined;
  /** Whether silence says something about this form, so that it is looked for while nothing comes too. @default false */
  readonly endsInSilence?: boolean;
}

/** How often a silent connection is looked at. */
export const SILENCE_STEP_MS = 50;

/**
 * The next message on a connection.
 *
 * Emits it once and completes, with the socket paused and every byte behind the message put back, ready for the next
 * reader. Completes without a message when the peer has ended the connection in order before one began; errors with
 * what `find` throws, and with `CLOSED_EARLY` when the connection ends inside a message or breaks. Unsubscribing puts
 * back what had come. Never closes the socket: that is for the one who asked. Holds what `find` wants to see.
 */
export const takeMessage = <T>(socket: Socket, { find, endsInSilence = false }: MessageForm<T>): Observable<T> =>
  new Observable((subscriber) => {
    let memory: Buffer = Buffer.alloc(0);
    let length = 0;
    let silentMs = 0;
    let silence: NodeJS.Timeout | undefined;
    let stopped = false;

    const look = () => {
      if (silentMs === Infinity && length === 0) return subscriber.complete();
      try {
        const found = find(memory.subarray(0, length), silentMs);
        if (found !== undefined) {
          stop(found.length);
          subscriber.next(found.value);
          subscriber.complete();
        } else if (silentMs === Infinity) subscriber.error(closedEarly());
      } catch (error) {
        subscriber.error(error);
      }
    };
    const onData = (chunk: Buffer) => {
      // Grown by doubling, so that a dripping peer costs no copy of everything for every byte.
      if (length === 0) memory = chunk;
      else {
        if (length + chunk.length > memory.length) {
          const larger = Buffer.allocUnsafe(Math.max(2 * memory.length, length + chunk.length));
          memory.copy(larger, 0, 0, length);
          memory = larger;
        }
        chunk.copy(memory, length);
      }
      length += chunk.length;
      silentMs = 0;
      clearInterval(silence);
      if (endsInSilence)
        silence = setInterval(() => {
          silentMs += SILENCE_STEP_MS;
          look();
        }, SILENCE_STEP_MS);
      look();
    };
    const onEnd = () => {
      clearInterval(silence);
      silentMs = Infinity;
      look();
    };
    const onError = (cause: unknown) => subscriber.error(closedEarly(cause));
    const onClose = () => subscriber.error(closedEarly());
    // Only once: when this is torn down after its message, the socket has its next reader already.
    const stop = (used: number) => {
      if (stopped) return;
      stopped = true;
      clearInterval(silence);
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose).pause();
      // Nothing can be put back on a stream that has ended; what comes behind the last message is of no use either.
      if (length > used && socket.readable) socket.unshift(memory.subarray(used, length));
    };
    socket.on('data', onData).once('end', onEnd).once('error', onError).once('close', onClose);
    if (socket.readableEnded) onEnd();
    else if (socket.destroyed) onClose();
    else socket.resume();
    return () => stop(0);
  });

const closedEarly = (cause?: unknown): ConnectionError =>
  new ConnectionError('CLOSED_EARLY', 'the peer closed the connection before its message was whole', { cause });
