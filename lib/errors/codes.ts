/**
 * Every failure Sluice can report, by its stable name. A code never changes its meaning and travels on the wire, in
 * `--json` output and in logs; the message beside it is for people and may change.
 */
export const ERROR_CODES = [
  // What the peer said was not the protocol.
  'FRAME_HEADER_INVALID',
  'FRAME_TOO_LARGE',
  'FRAME_TRUNCATED',
  'MESSAGE_INVALID',
  'MESSAGE_UNKNOWN',
  'STATE_UNEXPECTED',
  'TOKEN_INVALID',
  'VERSION_MISMATCH',
  // The connection.
  'CLOSED_EARLY',
  'CONNECT_FAILED',
  'HOST_NOT_FOUND',
  'LISTEN_FAILED',
  'SERVER_FULL',
  'SERVER_STOPPING',
  // Time limits.
  'CONNECT_TIMEOUT',
  'DATA_TIMEOUT',
  'HELLO_TIMEOUT',
  'IDLE_TIMEOUT',
  'STALLED',
  // Files and folders.
  'BUSY',
  'EXISTS',
  'FOLDER_NOT_EMPTY',
  'NOT_A_FILE',
  'NOT_A_FOLDER',
  'NOT_FOUND',
  'NO_SPACE',
  'PATH_INVALID',
  'PATH_OUTSIDE_ROOT',
  'PERMISSION_DENIED',
  'READ_FAILED',
  'READ_ONLY',
  'SOURCE_CHANGED',
  'WRITE_FAILED',
  // Verification.
  'DIGEST_MISMATCH',
  'OFFSET_MISMATCH',
  'SIZE_MISMATCH',
  // The caller.
  'CANCELLED',
  'OPTION_INVALID',
  'TOO_MANY_REQUESTS',
  'TOO_MANY_TRANSFERS',
  'UNSUPPORTED',
  // Anything that has no code of its own: a defect in Sluice, or a code of a newer peer.
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

const known: ReadonlySet<string> = new Set(ERROR_CODES);

/** Whether a text, from a peer for example, is a code of this version. */
export const isErrorCode = (text: string): text is ErrorCode => known.has(text);
