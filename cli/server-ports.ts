import { type DialectName, OptionError, type ServerPort, parseDialect } from '../lib/index.ts';
import { DEFAULT_PORT, parsePort } from './address.ts';

export interface ServerPortFlags {
  readonly port?: string | undefined;
  readonly dialect?: DialectName | undefined;
  readonly listen?: readonly string[] | undefined;
}

/** The ports to serve on: the plain one with its dialect, which is there unless `--listen` stands alone, and `--listen`'s. */
export const serverPorts = ({ port, dialect, listen = [] }: ServerPortFlags): readonly ServerPort[] => {
  const listed = listen.map(parseServerPort);
  if (listed.length === 0 || port !== undefined)
    return [{ port: port === undefined ? DEFAULT_PORT : parsePort(port), ...(dialect && { dialect }) }, ...listed];
  if (dialect !== undefined)
    throw new OptionError('--dialect says what PORT speaks: name that port, or leave the flag out beside --listen');
  return listed;
};

/** Reads a dialect and a port, like `native:1234`. */
const parseServerPort = (text: string): ServerPort => {
  const [dialect = '', port, ...rest] = text.split(':');
  if (port === undefined || rest.length > 0)
    throw new OptionError(`listen must be a dialect and a port like native:1234, not "${text}"`);
  return { dialect: parseDialect(dialect), port: parsePort(port) };
};
