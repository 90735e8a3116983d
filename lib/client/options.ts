import { type DialectName, parseDialect } from '../dialects/registry.ts';
import { checkMilliseconds } from '../errors/check-milliseconds.ts';
import { OptionError } from '../errors/errors.ts';
import { MAX_RANGES } from '../protocol/block.ts';
import type { OverwritePolicy } from '../transfer/overwrite.ts';

/** How to reach a server. Times are in milliseconds. */
export interface ConnectClientOptions {
  /** Name, IPv4 or IPv6 address. @default 'localhost' */
  readonly host?: string;
  /** @default 1234 */
  readonly port?: number;
  /** What the server speaks there. @default 'native' */
  readonly dialect?: DialectName;
  /** Time for look-up and connection, and again for the server's hello. @default 10 000 */
  readonly timeoutMs?: number;
  /** Silence on every connection after which the server counts as gone. @default 60 000 */
  readonly stallMs?: number;
  /** Who waits for data connections: `client` where the server's ports cannot be reached. @default 'server' */
  readonly dataListener?: 'server' | 'client';
  /**
   * How often a transfer begins again, in a row, when a connection is lost or something arrives garbled; the session is
   * opened anew for it. @default 5
   */
  readonly retries?: number;
  /**
   * How long downloads that broke off are kept: whenever one is done, older ones are removed from the folder it went to.
   * @default 7 days
   */
  readonly keepPartsMs?: number;
  /** Cancels connecting, and later closes the session. */
  readonly signal?: AbortSignal;
}

/** How one transfer shall be done. */
export interface TransferOptions {
  /** What to do when the target exists. @default 'overwrite' */
  readonly overwrite?: OverwritePolicy;
  /** Whether the target gets the source's modified time. @default false */
  readonly keepTime?: boolean;
  /** Whether the target gets the source's permission bits (never set-user-id and the like). @default false */
  readonly keepMode?: boolean;
  /** Whether content and name are forced to the disk before the transfer counts as done. @default true */
  readonly fsync?: boolean;
  /** Whether to go on where an earlier try broke off, and to keep what is verified if this one does. @default true */
  readonly resume?: boolean;
  /**
   * Over how many data connections at once the content shall come, where the server can: 1 to 16. Each is given some blocks
   * of 1 MiB; a content has no more segments than blocks. @default 1
   */
  readonly segments?: number;
  /** Cancels the transfer; the session lives on. */
  readonly signal?: AbortSignal;
}

/** How a tree shall be moved. */
export interface TreeOptions {
  /** What to do with a file that exists and differs. @default 'overwrite' */
  readonly overwrite?: OverwritePolicy;
  /** Whether each file is forced to the disk before the tree counts as done. @default false */
  readonly fsync?: boolean;
  /** Whether files go on where an earlier try broke off, and keep what is verified if this one does. @default true */
  readonly resume?: boolean;
  /** Cancels the tree; files that are done stay, and the session lives on. */
  readonly signal?: AbortSignal;
}

/** Throws `OPTION_INVALID` for what cannot work. */
export const checkTransferOptions = ({ segments = 1 }: TransferOptions): void => {
  if (!Number.isInteger(segments) || segments < 1 || segments > MAX_RANGES)
    throw new OptionError(`segments must be a whole number from 1 to ${MAX_RANGES}, not ${segments}`);
};

const DEFAULTS = {
  host: 'localhost',
  port: 1234,
  dialect: 'native',
  timeoutMs: 10_000,
  stallMs: 60_000,
  dataListener: 'server',
  retries: 5,
  keepPartsMs: 7 * 24 * 60 * 60_000,
} as const;

export type CheckedConnectOptions = Required<Omit<ConnectClientOptions, 'signal'>> &
  Pick<ConnectClientOptions, 'signal'>;

/** The options with their defaults; throws `OPTION_INVALID` for what cannot work. */
export const checkConnectOptions = (options: ConnectClientOptions): CheckedConnectOptions => {
  const checked = { ...DEFAULTS, ...options };
  const { host, port, dialect, timeoutMs, stallMs, retries, keepPartsMs } = checked;
  if (host === '') throw new OptionError('host must not be empty');
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new OptionError(`port must be a whole number from 1 to 65535, not ${port}`);
  parseDialect(dialect);
  if (!Number.isSafeInteger(retries) || retries < 0)
    throw new OptionError(`retries must be a whole number from 0 on, not ${retries}`);
  for (const [name, value] of Object.entries({ timeoutMs, stallMs, keepPartsMs })) checkMilliseconds(name, value);
  return checked;
};
