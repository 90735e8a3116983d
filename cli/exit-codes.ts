import { type ErrorCode, FileError, RemoteError, SluiceError } from '../lib/index.ts';

/** What the shell is told; documented in the README. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  connection: 3,
  login: 4,
  notFound: 5,
  refused: 6,
  verification: 7,
  localFile: 8,
  timeout: 9,
  interrupted: 130,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  BUSY: EXIT.refused,
  CANCELLED: EXIT.interrupted,
  CLOSED_EARLY: EXIT.connection,
  CONNECT_FAILED: EXIT.connection,
  CONNECT_TIMEOUT: EXIT.connection,
  DATA_TIMEOUT: EXIT.timeout,
  DIGEST_MISMATCH: EXIT.verification,
  EXISTS: EXIT.refused,
  FOLDER_NOT_EMPTY: EXIT.refused,
  HELLO_TIMEOUT: EXIT.timeout,
  HOST_NOT_FOUND: EXIT.connection,
  IDLE_TIMEOUT: EXIT.timeout,
  NOT_A_FILE: EXIT.refused,
  NOT_A_FOLDER: EXIT.refused,
  NOT_FOUND: EXIT.notFound,
  NO_SPACE: EXIT.refused,
  OPTION_INVALID: EXIT.usage,
  PATH_INVALID: EXIT.refused,
  PATH_OUTSIDE_ROOT: EXIT.refused,
  PERMISSION_DENIED: EXIT.refused,
  READ_ONLY: EXIT.refused,
  SERVER_FULL: EXIT.refused,
  SERVER_STOPPING: EXIT.connection,
  SIZE_MISMATCH: EXIT.verification,
  SOURCE_CHANGED: EXIT.verification,
  STALLED: EXIT.timeout,
  TOO_MANY_REQUESTS: EXIT.refused,
  TOO_MANY_TRANSFERS: EXIT.refused,
  UNSUPPORTED: EXIT.refused,
};

/** Failures of this machine's own files that are told apart from the server's by who raised them. */
const LOCAL_FILE_CODES: ReadonlySet<ErrorCode> = new Set([
  'NO_SPACE',
  'NOT_A_FILE',
  'NOT_A_FOLDER',
  'PATH_OUTSIDE_ROOT',
  'PERMISSION_DENIED',
  'READ_FAILED',
  'WRITE_FAILED',
]);

/** The exit code for a failure. */
export const exitCodeOf = (error: unknown): number => {
  if (error instanceof FileError && LOCAL_FILE_CODES.has(error.code)) return EXIT.localFile;
  // What the server says about itself being stopped by somebody is not this user's Ctrl-C.
  if (error instanceof RemoteError && error.code === 'CANCELLED') return EXIT.failed;
  return error instanceof SluiceError ? (BY_CODE[error.code] ?? EXIT.failed) : EXIT.failed;
};
