import type { ErrorCode } from './codes.ts';

/**
 * The base of every error that Sluice raises: a stable `code` to act on, a `message` for people that names the limit
 * and the value seen, and the `cause` where there was one.
 */
export abstract class SluiceError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The peer's bytes or messages break the protocol, or came in a state in which they mean nothing. */
export class ProtocolError extends SluiceError {}

/** A connection could not be made, or ended before its work was done. */
export class ConnectionError extends SluiceError {}

/** A wait reached its limit. */
export class TimeoutError extends SluiceError {}

/** A file or folder on this side refused what was asked of it. */
export class FileError extends SluiceError {}

/** The bytes that arrived are not the bytes that were sent. */
export class VerificationError extends SluiceError {}

/** What the other side reported. Its text is the peer's, so show it only through an escaping display. */
export class RemoteError extends SluiceError {}

/** A bound of this side was reached; the same request may succeed later. */
export class LimitError extends SluiceError {}

/** The work was cancelled by the one who asked for it. */
export class CancelledError extends SluiceError {
  constructor(message = 'cancelled', options?: ErrorOptions) {
    super('CANCELLED', message, options);
  }
}

/** An option or argument is not usable: the mistake is the caller's, and nothing was started. */
export class OptionError extends SluiceError {
  constructor(message: string, options?: ErrorOptions) {
    super('OPTION_INVALID', message, options);
  }
}

/** The session, dialect or store has no such ability. */
export class UnsupportedError extends SluiceError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNSUPPORTED', message, options);
  }
}

/** A defect in Sluice itself; the `cause` is the error nobody expected. */
export class InternalError extends SluiceError {
  constructor(message: string, options?: ErrorOptions) {
    super('INTERNAL', message, options);
  }
}
