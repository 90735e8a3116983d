import type { OperatorFunction } from 'rxjs';
import { FrameDecoder, type FramePiece } from '../protocol/frame-decoder.ts';
import { decodeWith } from './decode-with.ts';

export interface FrameLimits {
  /** Largest payload to accept, in bytes; a function is asked at each header, for a limit that changes on the way. */
  readonly maxPayload: number | (() => number);
}

/**
 * Emits the payloads of the frames in the incoming bytes as slices, in order, however the bytes were cut.
 *
 * Cold, one decoder a subscription. Completes with its source. Errors with `FRAME_TOO_LARGE` or `FRAME_HEADER_INVALID`
 * before a byte of the payload is taken, with `FRAME_TRUNCATED` when the source completes inside a frame. Holds nine
 * bytes at most; emits synchronously, so it adds no queue.
 *
 * @example socketBytes$.pipe(parseFramePieces({ maxPayload: 1_048_576 }))
 */
export const parseFramePieces = ({ maxPayload }: FrameLimits): OperatorFunction<Buffer, FramePiece> =>
  decodeWith(() => new FrameDecoder(maxPayload));
