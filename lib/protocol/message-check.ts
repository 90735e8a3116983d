import { crc32 } from 'node:zlib';
import { VerificationError } from '../errors/errors.ts';

// The field stands last and has one length, so that it can be found in bytes that may not be JSON any more.
const CHECK = /^,"check":"([0-9a-f]{8})"\}$/;
const CHECK_BYTES = ',"check":"00000000"}'.length;

/** A message, the text of a JSON object, with the checksum of all that stands before it as its last field. */
export const withCheck = (json: string): string => {
  const body = json.slice(0, -1);
  return `${body},"check":"${checksum(body)}"}`;
};

/** Whether a message has a check. Throws `DIGEST_MISMATCH` where that is of another message. */
export const assertUnchanged = (message: Buffer): boolean => {
  const body = message.subarray(0, -CHECK_BYTES);
  const said = CHECK.exec(message.subarray(-CHECK_BYTES).toString('latin1'))?.[1];
  if (said === undefined) return false;
  if (said !== checksum(body))
    throw garbled(`a message of ${message.length} bytes has the check ${checksum(body)}, the sender's is ${said}`);
  return true;
};

/** Throws `DIGEST_MISMATCH` also where the check is missing, because the sender gives one to every message. */
export const assertChecked = (message: Buffer): void => {
  if (!assertUnchanged(message)) throw garbled(`a message of ${message.length} bytes came without its check`);
};

/** Of a text: of its bytes in UTF-8. */
const checksum = (bytes: Buffer | string): string => crc32(bytes).toString(16).padStart(8, '0');

const garbled = (what: string) => new VerificationError('DIGEST_MISMATCH', `${what}: it was changed on its way`);
