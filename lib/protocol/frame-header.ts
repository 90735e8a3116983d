import { ProtocolError } from '../errors/errors.ts';

/** Bytes of a frame's header: the payload's length as ten ASCII decimal digits, zero-padded. */
export const HEADER_BYTES = 10;

/** The longest payload that ten digits can announce. */
export const MAX_PAYLOAD = 9_999_999_999;

const ZERO = 0x30;
const NINE = 0x39;

/** The header, of `digits` digits, for a payload of `length` bytes: `encodeHeader(42)` is `0000000042`. */
export const encodeHeader = (length: number, digits = HEADER_BYTES): Buffer =>
  Buffer.from(headerText(length, digits), 'latin1');

const headerText = (length: number, digits: number): string => {
  const limit = 10 ** digits - 1;
  if (!Number.isInteger(length) || length < 0 || length > limit)
    throw new ProtocolError('FRAME_TOO_LARGE', `a frame cannot carry ${length} bytes (limit ${limit})`);
  return String(length).padStart(digits, '0');
};

/**
 * The payload length that a whole header announces. Throws `FRAME_HEADER_INVALID` for anything but digits (signs,
 * blanks and hexadecimal included) and `FRAME_TOO_LARGE` above `maxPayload` bytes.
 */
export const decodeHeader = (header: Uint8Array, maxPayload: number): number => {
  let length = 0;
  for (const byte of header) {
    if (byte < ZERO || byte > NINE)
      throw new ProtocolError(
        'FRAME_HEADER_INVALID',
        `a frame header holds byte 0x${byte.toString(16).padStart(2, '0')} where a digit belongs`,
      );
    length = length * 10 + (byte - ZERO);
  }
  if (length > maxPayload)
    throw new ProtocolError('FRAME_TOO_LARGE', `frame of ${length} bytes is over the limit of ${maxPayload}`);
  return length;
};

/** One whole frame, header and payload in one buffer: for small messages, where a copy is cheaper than two writes. */
export const encodeFrame = (payload: Buffer | string): Buffer =>
  typeof payload === 'string'
    ? Buffer.from(frameText(payload))
    : Buffer.concat([encodeHeader(payload.length), payload]);

/** The same for a payload of text, still as text: frames that follow each other are encoded at one go. */
export const frameText = (payload: string): string => headerText(Buffer.byteLength(payload), HEADER_BYTES) + payload;
