import type { ErrorCode } from './codes.ts';
import { ConnectionError, FileError, InternalError, SluiceError } from './errors.ts';

const FILE_CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EACCES: ['PERMISSION_DENIED', 'permission denied'],
  EBUSY: ['BUSY', 'in use by the system'],
  EDQUOT: ['NO_SPACE', 'disk quota used up'],
  EEXIST: ['EXISTS', 'already exists'],
  EFBIG: ['NO_SPACE', 'larger than the file system allows'],
  EISDIR: ['NOT_A_FILE', 'is a folder, not a file'],
  ELOOP: ['PATH_OUTSIDE_ROOT', 'is a symbolic link'],
  ENAMETOOLONG: ['PATH_INVALID', 'name is too long'],
  ENOENT: ['NOT_FOUND', 'no such file or folder'],
  ENOSPC: ['NO_SPACE', 'no space left on the disk'],
  ENOTDIR: ['NOT_A_FOLDER', 'is not a folder'],
  ENOTEMPTY: ['FOLDER_NOT_EMPTY', 'folder is not empty'],
  EPERM: ['PERMISSION_DENIED', 'operation not permitted'],
  EROFS: ['PERMISSION_DENIED', 'file system is read-only'],
};

const CONNECT_CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EAI_AGAIN: ['HOST_NOT_FOUND', 'host name could not be looked up'],
  ENOTFOUND: ['HOST_NOT_FOUND', 'no such host'],
  ECONNREFUSED: ['CONNECT_FAILED', 'connection refused: is a server running there?'],
  EHOSTUNREACH: ['CONNECT_FAILED', 'host is unreachable'],
  ENETUNREACH: ['CONNECT_FAILED', 'network is unreachable'],
  ETIMEDOUT: ['CONNECT_TIMEOUT', 'no answer'],
};

/** The system's own name of an error (`ENOSPC`), or an empty string where it has none. */
export const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Handles the error of an operation on a file that may well be gone. */
export const ignoreMissing = (error: unknown): undefined => {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
};

/**
 * A typed error for a failed file operation: `what` names the thing and the act ("big.iso: cannot write"), the system's
 * reason follows it, and the system's error stays as `cause`. An error that is typed already is given back as it is.
 */
export const fileError = (error: unknown, what: string, fallback: 'READ_FAILED' | 'WRITE_FAILED'): SluiceError => {
  if (error instanceof SluiceError) return error;
  const [code, reason] = FILE_CODES[systemCode(error)] ?? [fallback, messageOf(error)];
  return new FileError(code, `${what}: ${reason}`, { cause: error });
};

/** A typed error for a connection that could not be made to `where` ("localhost port 1234"). */
export const connectError = (error: unknown, where: string): SluiceError => {
  if (error instanceof SluiceError) return error;
  const [code, reason] = CONNECT_CODES[systemCode(error)] ?? ['CONNECT_FAILED', messageOf(error)];
  return new ConnectionError(code, `cannot connect to ${where}: ${reason}`, { cause: error });
};

/** A typed error for anything caught: typed errors pass through, the rest is a defect and becomes `INTERNAL`. */
export const sluiceError = (error: unknown): SluiceError =>
  error instanceof SluiceError ? error : new InternalError(`internal error: ${messageOf(error)}`, { cause: error });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
