import { OptionError } from '../errors/errors.ts';
import type { OpenClientDialect, OpenServerDialect } from './dialect.ts';

/** Where the two sides of a dialect are. Loaded when they are used: no program speaks all of them. */
interface DialectModules {
  readonly server: () => Promise<OpenServerDialect>;
  readonly client: () => Promise<OpenClientDialect>;
}

/** What a server or client can be told to speak. */
export type DialectName = 'native';

/** Every dialect there is. */
export const DIALECTS: Readonly<Record<DialectName, DialectModules>> = {
  native: {
    server: async () => (await import('./native/server.ts')).nativeServer,
    client: async () => (await import('./native/client.ts')).nativeClient,
  },
};

export const DIALECT_NAMES = Object.keys(DIALECTS) as readonly DialectName[];

/** The dialect of a name; throws `OPTION_INVALID`, with the names there are, if it is none. */
export const parseDialect = (name: string): DialectName => {
  const found = DIALECT_NAMES.find((known) => known === name);
  if (found === undefined) throw new OptionError(`dialect must be one of ${DIALECT_NAMES.join(', ')}, not "${name}"`);
  return found;
};
