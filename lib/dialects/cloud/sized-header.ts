import { ProtocolError } from '../../errors/errors.ts';
import { type Found, SILENCE_STEP_MS } from '../../net/take-message.ts';

// More than any file has, and still a number that is told exactly.
const MAX_DIGITS = 15;

// Somebody who pauses between the size and the content does it for less.
const ONLY_DIGITS_MS = 5 * SILENCE_STEP_MS;

/** Bytes that are held at most while it is open where the size ends. */
const MAX_UNDECIDED = 4 * 1024 * 1024;

/**
 * The size at `start` of what was received, and where the content behind it begins: nothing but the content stands
 * behind the digits, and may begin with digits too.
 *
 * The sender says nothing more until it is answered, so once the connection is silent the size is the one that is
 * followed by just so many bytes. Where that is not known after 4 MiB, all digits are the size: a content that began with
 * some is then too short, and fails. Throws `MESSAGE_INVALID` where there is no size.
 */
export const findSize = (received: Buffer, start: number, silentMs: number): Found<number> | undefined => {
  const total = received.length - start;
  const [digits = ''] = /^\d*/.exec(received.toString('latin1', start, start + MAX_DIGITS)) ?? [];
  if (digits === '') {
    if (total > 0) throw new ProtocolError('MESSAGE_INVALID', 'there is no size where one belongs');
    return undefined;
  }
  const found = (count: number) => ({ value: Number(digits.slice(0, count)), length: start + count });
  const all = found(digits.length);
  const behind = total - digits.length;
  if (total > MAX_UNDECIDED || (behind > 0 && behind >= all.value)) return all;
  if (silentMs < (behind > 0 ? SILENCE_STEP_MS : ONLY_DIGITS_MS)) return undefined;
  for (let count = 1; count < digits.length; count += 1) if (found(count).value === total - count) return found(count);
  return behind > 0 ? undefined : all;
};
