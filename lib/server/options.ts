import { type DataPorts, isOnePort } from '../dialects/data-ports.ts';
import { DEFAULT_LIMITS, type ConversationLimits } from '../dialects/limits.ts';
import { type DialectName, parseDialect } from '../dialects/registry.ts';
import { checkMilliseconds } from '../errors/check-milliseconds.ts';
import { OptionError } from '../errors/errors.ts';
import { isLoopback } from '../net/address.ts';
import type { Store } from '../store/store.ts';

/** A port for control connections. */
export interface ServerPort {
  /** What is spoken there. @default 'native' */
  readonly dialect?: DialectName;
  /** 0 picks a free one. */
  readonly port: number;
}

/** What a server can be told. Sizes are in bytes, times in milliseconds. */
export interface ServeOptions {
  /** The folder to serve. */
  readonly root?: string;
  /** A store to serve instead of a folder. */
  readonly store?: Store;
  /** Port for control connections; 0 picks a free one. @default 1234 */
  readonly port?: number;
  /** Several ports for control connections, or other dialects, in place of `port`. */
  readonly listen?: readonly ServerPort[];
  /** Address to listen on. Any but a loopback address wants `anonymous`. @default '127.0.0.1' */
  readonly host?: string;
  /** Lets everybody in who can reach the port, also from other machines. @default false */
  readonly anonymous?: boolean;
  /** Refuses every change with `READ_ONLY`. @default false */
  readonly readOnly?: boolean;
  /**
   * Ports for data connections: any free one, one of a range, or that of the control connections. A range of a single
   * port is opened with the server and shared by all transfers. @default 'ephemeral'
   */
  readonly dataPorts?: DataPorts;
  /** Control connections at a time. @default 10 000 */
  readonly maxSessions?: number;
  /** Control connections at a time from one address (IPv6: from one /64). @default 1 000 */
  readonly maxSessionsPerAddress?: number;
  /** Transfers that one session may run at once, and segments beyond the first of each. @default 16 */
  readonly maxTransfers?: number;
  /**
   * Transfers, and segments beyond the first of each, that all sessions together may run; each holds up to 5 MiB.
   * @default 256
   */
  readonly maxTransfersInAll?: number;
  /** Milliseconds that an unfinished transfer is kept to be taken up again. @default 7 days */
  readonly keepPartsMs?: number;
  /** Limits of the conversation; see `ConversationLimits` for each default. */
  readonly limits?: Partial<ConversationLimits>;
  /** When aborted, the server takes no new work, lets running requests end, and completes. */
  readonly stop?: AbortSignal;
  /** Milliseconds that running requests get after `stop`. @default 30 000 */
  readonly graceMs?: number;
}

export type CheckedServeOptions = Required<
  Omit<ServeOptions, 'root' | 'store' | 'stop' | 'limits' | 'port' | 'listen'>
> &
  Pick<ServeOptions, 'root' | 'store' | 'stop'> & {
    readonly limits: ConversationLimits;
    readonly listen: readonly Required<ServerPort>[];
  };

const DEFAULT_PORT: Required<ServerPort> = { dialect: 'native', port: 1234 };

const DEFAULTS = {
  host: '127.0.0.1',
  anonymous: false,
  readOnly: false,
  dataPorts: 'ephemeral',
  maxSessions: 10_000,
  maxSessionsPerAddress: 1_000,
  maxTransfers: 16,
  maxTransfersInAll: 256,
  keepPartsMs: 7 * 24 * 60 * 60_000,
  graceMs: 30_000,
} as const;

// Below this, headers would outweigh content, and a page of a listing could not hold an entry.
const MIN_FRAME = 2048;

/** The options with their defaults; throws `OPTION_INVALID` for what cannot work. */
export const checkServeOptions = (options: ServeOptions): CheckedServeOptions => {
  const { port, listen = [{ port: port ?? DEFAULT_PORT.port }], ...others } = options;
  const checked = {
    ...DEFAULTS,
    ...others,
    listen: listen.map((where) => ({ ...DEFAULT_PORT, ...where })),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  };
  const { root, store, host, anonymous, dataPorts, limits, ...counts } = checked;
  if ((root === undefined) === (store === undefined))
    throw new OptionError('a server needs a folder (root) or a store to serve, and only one of them');
  if (port !== undefined && options.listen !== undefined)
    throw new OptionError('a server is told its ports with port or with listen, not with both');
  if (listen.length === 0) throw new OptionError('listen must name at least one port');
  for (const where of checked.listen) {
    parseDialect(where.dialect);
    assertPort('port', where.port, 0);
  }
  if (typeof dataPorts === 'object') {
    assertPort('dataPorts.from', dataPorts.from, 1);
    assertPort('dataPorts.to', dataPorts.to, dataPorts.from);
    const { from } = dataPorts;
    if (isOnePort(dataPorts) && listen.some((where) => where.port === from))
      throw new OptionError(`dataPorts cannot be port ${from}, which is for control connections: say "same" for that`);
  }
  if (!isLoopback(host) && !anonymous)
    throw new OptionError(
      `${host} can be reached from other machines: that needs the option anonymous, which lets everybody in`,
    );
  for (const name of ['helloFrame', 'controlFrame', 'dataFrame'] as const)
    if (limits[name] < MIN_FRAME)
      throw new OptionError(`${name} must be at least ${MIN_FRAME} bytes, not ${limits[name]}`);
  if (limits.stallMs <= limits.quietMs)
    throw new OptionError(`stallMs (${limits.stallMs}) must be above quietMs (${limits.quietMs})`);
  // Transfers end with a receipt, which is not read while every place for a request is taken.
  if (counts.maxTransfers >= limits.commands)
    throw new OptionError(`maxTransfers (${counts.maxTransfers}) must be below limits.commands (${limits.commands})`);
  const numbers = { ...limits, ...counts };
  for (const [name, value] of Object.entries(numbers)) {
    if (name.endsWith('Ms')) checkMilliseconds(name, Number(value));
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0))
      throw new OptionError(`${name} must be a whole number above 0, not ${value}`);
  }
  return checked;
};

const assertPort = (name: string, port: number, from: number): void => {
  if (!Number.isInteger(port) || port < from || port > 65_535)
    throw new OptionError(`${name} must be a whole number from ${from} to 65535, not ${port}`);
};
