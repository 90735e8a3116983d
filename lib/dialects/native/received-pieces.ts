import type { Socket } from 'node:net';
import { type Observable, tap } from 'rxjs';
import { decodeWith } from '../../operators/decode-with.ts';
import { FrameDecoder, type FramePiece } from '../../protocol/frame-decoder.ts';
import { fromSocket } from '../../streams/from-socket.ts';
import { type ContentPlaces, FrameMemory } from './frame-memory.ts';
import type { ContentPulse } from './transfer-pulse.ts';

/** What takes the frames of a data connection: how large the next may be, and where its content belongs. */
export interface FrameTaker extends ContentPlaces {
  /** In bytes. */
  readonly maxPayload: number;
}

/**
 * The frames of a data connection, piece by piece, read straight to where `taker` wants them. Otherwise as `fromSocket`, with
 * the errors of frames. The pulse hears of every chunk.
 */
export const receivedPieces = (
  socket: Socket,
  taker: FrameTaker,
  pulse: ContentPulse,
  open$: Observable<boolean>,
): Observable<FramePiece> => {
  const decoder = new FrameDecoder(() => taker.maxPayload);
  return fromSocket(
    socket,
    new FrameMemory(decoder, taker),
  )(open$).pipe(
    tap(() => pulse.moved()),
    decodeWith(() => decoder),
  );
};
