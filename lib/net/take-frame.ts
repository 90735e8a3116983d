import { type Socket } from 'node:net';
import { type Observable, throwIfEmpty } from 'rxjs';
import { ConnectionError } from '../errors/errors.ts';
import { HEADER_BYTES, decodeHeader } from '../protocol/frame-header.ts';
import { type MessageForm, takeMessage } from './take-message.ts';

/**
 * The payload of the first frame on a fresh connection, which says what the connection is for.
 *
 * Emits it once and completes, with the socket paused and every byte behind the frame put back, ready for the next
 * reader. Errors with a frame error, or with `CLOSED_EARLY` when the peer leaves first. Never closes the socket: that is
 * for the one who asked. Holds one frame and one chunk.
 */
export const takeFrame = (socket: Socket, maxPayload: number): Observable<Buffer> =>
  takeMessage(socket, frameForm(maxPayload)).pipe(
    throwIfEmpty(() => new ConnectionError('CLOSED_EARLY', 'the peer closed the connection before its first message')),
  );

/** A frame of ten digits and a payload of at most `maxPayload` bytes; the message is the payload. */
export const frameForm = (maxPayload: number): MessageForm<Buffer> => ({
  find: (received) => {
    // Also while it is not whole, for what is wrong with a header shows early.
    const payloadBytes = decodeHeader(received.subarray(0, HEADER_BYTES), maxPayload);
    const length = HEADER_BYTES + payloadBytes;
    if (received.length < HEADER_BYTES || received.length < length) return undefined;
    return { value: received.subarray(HEADER_BYTES, length), length };
  },
});
