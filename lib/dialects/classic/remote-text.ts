import type { ErrorCode } from '../../errors/codes.ts';
import { RemoteError } from '../../errors/errors.ts';

// These servers answer in words for people; what they say most often has a code of ours.
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/not exist|no such|not found/i, 'NOT_FOUND'],
  [/already exists/i, 'EXISTS'],
  [/ is being /i, 'BUSY'],
  [/read-only/i, 'READ_ONLY'],
  [/not empty/i, 'FOLDER_NOT_EMPTY'],
  [/unknown command/i, 'UNSUPPORTED'],
];

/** What a server said in its own words, as an error. */
export const saidError = (text: string, otherwise: ErrorCode = 'READ_FAILED'): RemoteError => {
  const [, code = otherwise] = MEANINGS.find(([pattern]) => pattern.test(text)) ?? [];
  return new RemoteError(code, text.replace(/^error:? */i, '').trim() || 'the server said no');
};
