import { type OperatorFunction, defer, filter, map } from 'rxjs';
import type { FramePiece } from '../protocol/frame-decoder.ts';
import { type FrameLimits, parseFramePieces } from './parse-frame-pieces.ts';

/**
 * Emits the payload of each whole frame in the incoming bytes: for messages, which make sense only whole.
 *
 * Cold; completes and errors as `parseFramePieces` does. A payload that came in one chunk is a view of it, one that
 * came in several is copied once. Holds at most one frame; emits synchronously, so it adds no queue.
 *
 * @example socketBytes$.pipe(parseFrames({ maxPayload: 65_536 }))
 */
export const parseFrames =
  (limits: FrameLimits): OperatorFunction<Buffer, Buffer> =>
  (bytes$) =>
    defer(() =>
      bytes$.pipe(
        parseFramePieces(limits),
        map(collector()),
        filter((payload) => payload !== undefined),
      ),
    );

/** Takes pieces one by one and gives a frame's payload back with its last piece. */
const collector = (): ((piece: FramePiece) => Buffer | undefined) => {
  let payload: Buffer | undefined;
  return ({ length, left, bytes }) => {
    if (bytes.length === length) return bytes;
    // One buffer of the announced, limited size: a list would cost an object for every byte of a dripping peer.
    payload ??= Buffer.allocUnsafe(length);
    bytes.copy(payload, length - left - bytes.length);
    if (left > 0) return undefined;
    const whole = payload;
    payload = undefined;
    return whole;
  };
};
