import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../../errors/errors.ts';
import { type Found, type MessageForm, SILENCE_STEP_MS } from '../../net/take-message.ts';

/** The longest command or reply, in bytes. */
export const MAX_TEXT = 4096;

const NEWLINE = 0x0a;

/** Text up to the end of its line, which is not part of it. */
export const aLine: MessageForm<string> = {
  find: (received) => {
    const end = received.indexOf(NEWLINE);
    if (end < 0) return tooLong(received);
    return { value: lineText(received.subarray(0, end)), length: end + 1 };
  },
};

/**
 * Text without an end of its own: what arrived until the peer fell silent for a moment. Where there is an end of line
 * after all, it is the end.
 */
export const anArrival: MessageForm<string> = {
  endsInSilence: true,
  find: (received, silentMs) => {
    const line = aLine.find(received, silentMs);
    if (line !== undefined || silentMs < SILENCE_STEP_MS) return line;
    return { value: lineText(received), length: received.length };
  },
};

/** Lines up to an empty one, which is not part of them. */
export const aParagraph: MessageForm<readonly string[]> = {
  find: (received) => {
    const lines: string[] = [];
    for (let at = 0; ;) {
      const end = received.indexOf(NEWLINE, at);
      if (end < 0) return tooLong(received);
      const line = lineText(received.subarray(at, end));
      at = end + 1;
      if (line === '') return { value: lines, length: at };
      lines.push(line);
    }
  },
};

/** Notices that something has come, and takes nothing of it. */
export const anything: MessageForm<undefined> = { find: () => ({ value: undefined, length: 0 }) };

/** Nothing that is expected: takes whatever comes, a little at most, until the peer ends. */
export const onlyTheEnd: MessageForm<never> = { find: tooLong };

/** Bytes as text; `MESSAGE_INVALID` if they are not UTF-8. */
export const decodeText = (bytes: Buffer): string => {
  if (!isUtf8(bytes)) throw new ProtocolError('MESSAGE_INVALID', 'the text is not UTF-8');
  return bytes.toString('utf8');
};

const lineText = (bytes: Buffer): string => decodeText(bytes).replace(/\r$/, '');

/** Not whole yet, unless it is too long for ever being so. */
function tooLong(received: Buffer): undefined {
  if (received.length > MAX_TEXT)
    throw new ProtocolError('MESSAGE_INVALID', `a message has more than ${MAX_TEXT} bytes`);
}

/** A form whose messages are those of another one, understood. */
export const understood = <A, B>(form: MessageForm<A>, understand: (value: A) => B): MessageForm<B> => ({
  ...form,
  find: (received, silentMs): Found<B> | undefined => {
    const found = form.find(received, silentMs);
    return found && { value: understand(found.value), length: found.length };
  },
});
