import { type Socket } from 'node:net';
import { Observable } from 'rxjs';
import { ConnectionError } from '../errors/errors.ts';
import { HEADER_BYTES, decodeHeader } from '../protocol/frame-header.ts';

/**
 * The payload of the first frame on a fresh connection, which says what the connection is for.
 *
 * Emits it once and completes, with the socket paused and every byte behind the frame put back, ready for the next
 * reader. Errors with a frame error, or with `CLOSED_EARLY` when the peer leaves first. Never closes the socket: that is
 * for the one who asked. Holds one frame and one chunk.
 */
export const takeFrame = (socket: Socket, maxPayload: number): Observable<Buffer> =>
  new Observable((subscriber) => {
    let received: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      try {
        if (received.length < HEADER_BYTES) return void decodeHeader(received, maxPayload);
        const end = HEADER_BYTES + decodeHeader(received.subarray(0, HEADER_BYTES), maxPayload);
        if (received.length < end) return;
        stop();
        if (received.length > end) socket.unshift(received.subarray(end));
        subscriber.next(received.subarray(HEADER_BYTES, end));
        subscriber.complete();
      } catch (error) {
        subscriber.error(error);
      }
    };
    const onClose = () => {
      subscriber.error(new ConnectionError('CLOSED_EARLY', 'the peer closed the connection before its first message'));
    };
    let stopped = false;
    const stop = () => {
      // Only once: when this is torn down after its frame, the socket has its next reader already.
      if (stopped) return;
      stopped = true;
      socket.off('data', onData).off('end', onClose).off('close', onClose).pause();
    };
    socket.on('data', onData).once('end', onClose).once('close', onClose);
    if (socket.destroyed) onClose();
    return stop;
  });
