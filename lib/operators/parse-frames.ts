import type { OperatorFunction } from 'rxjs';
import { WholeFrameDecoder } from '../protocol/whole-frame-decoder.ts';
import { decodeWith } from './decode-with.ts';
import type { FrameLimits } from './parse-frame-pieces.ts';

/**
 * Emits the payload of each whole frame in the incoming bytes: for messages, which make sense only whole.
 *
 * Cold; completes and errors as `parseFramePieces` does. A payload that came in one chunk is a view of it, one that
 * came in several is copied once. Holds at most one frame; emits synchronously, so it adds no queue.
 *
 * @example socketBytes$.pipe(parseFrames({ maxPayload: 65_536 }))
 */
export const parseFrames = ({ maxPayload }: FrameLimits): OperatorFunction<Buffer, Buffer> =>
  decodeWith(() => new WholeFrameDecoder(maxPayload));
