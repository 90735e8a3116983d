import { CancelledError, type Client, DIALECT_NAMES, type DialectName, connectClient } from '../lib/index.ts';
import type { ServerAddress } from './address.ts';
import { DAY_MS } from './units.ts';

/** The flags of every command that connects to a server, as yargs reads them. */
export const CONNECTION_FLAGS = {
  dialect: { type: 'string', default: 'native', choices: DIALECT_NAMES, describe: 'what the server speaks' },
  timeout: { type: 'number', default: 10, describe: 'seconds to wait for a connection and the server’s greeting' },
  'client-listens': {
    type: 'boolean',
    default: false,
    describe: 'wait for data connections on this side, for servers behind a firewall',
  },
  retries: { type: 'number', default: 5, describe: 'how often a transfer begins again after a lost connection' },
  json: { type: 'boolean', default: false, describe: 'one JSON object a line instead of text' },
  quiet: { alias: 'q', type: 'boolean', default: false, describe: 'say nothing but errors' },
} as const;

export interface ConnectionFlags extends SessionFlags {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Those of them that a session is opened with. */
export interface SessionFlags {
  readonly dialect: DialectName;
  readonly timeout: number;
  readonly clientListens: boolean;
  readonly retries: number;
  /** Days. */
  readonly keepParts?: number | undefined;
}

/** Opens a session as the flags say. */
export const openSession = (
  { host, port }: ServerAddress,
  { dialect, timeout, clientListens, retries, keepParts }: SessionFlags,
  signal?: AbortSignal,
): Promise<Client> =>
  connectClient({
    host,
    port,
    dialect,
    timeoutMs: timeout * 1000,
    dataListener: clientListens ? 'client' : 'server',
    retries,
    ...(keepParts !== undefined && { keepPartsMs: keepParts * DAY_MS }),
    ...(signal && { signal }),
  });

/** Runs something in a session of its own, which Ctrl-C ends. */
export const withSession = async <T>(
  address: ServerAddress,
  flags: ConnectionFlags,
  use: (client: Client, signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const client = await openSession(address, flags, abort.signal);
    try {
      const result = await use(client, abort.signal);
      // All is done by then: a server that leaves first takes nothing of it back.
      await client.quit().catch(() => undefined);
      return result;
    } finally {
      client.close();
    }
  } catch (error) {
    // Ctrl-C closes the connection under whatever runs, which would look like a loss.
    throw abort.signal.aborted ? new CancelledError('cancelled', { cause: error }) : error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
};
