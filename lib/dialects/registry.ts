import { OptionError } from '../errors/errors.ts';
import type { OpenClientDialect, OpenServerDialect } from './dialect.ts';

/** Where the two sides of a dialect are. Loaded when they are used: no program speaks all of them. */
interface DialectModules {
  readonly server: () => Promise<OpenServerDialect>;
  readonly client: () => Promise<OpenClientDialect>;
}

/** What a server or client can be told to speak. */
export type DialectName = 'native' | 'framed' | 'blocks' | 'words' | 'cftp' | 'cloud';

/** Every dialect there is. */
export const DIALECTS: Readonly<Record<DialectName, DialectModules>> = {
  native: {
    server: async () => (await import('./native/server.ts')).nativeServer,
    client: async () => (await import('./native/client.ts')).nativeClient,
  },
  framed: {
    server: async () => (await import('./framed/server.ts')).framedServer,
    client: async () => (await import('./framed/client.ts')).framedClient,
  },
  blocks: {
    server: async () => (await import('./blocks/server.ts')).blocksServer,
    client: async () => (await import('./blocks/client.ts')).blocksClient,
  },
  words: {
    server: async () => (await import('./words/server.ts')).wordsServer,
    client: async () => (await import('./words/client.ts')).wordsClient,
  },
  cftp: {
    server: async () => (await import('./cftp/server.ts')).cftpServer,
    client: async () => (await import('./cftp/client.ts')).cftpClient,
  },
  cloud: {
    server: async () => (await import('./cloud/server.ts')).cloudServer,
    client: async () => (await import('./cloud/client.ts')).cloudClient,
  },
};

export const DIALECT_NAMES = Object.keys(DIALECTS) as readonly DialectName[];

/** The dialect of a name; throws `OPTION_INVALID`, with the names there are, if it is none. */
export const parseDialect = (name: string): DialectName => {
  const found = DIALECT_NAMES.find((known) => known === name);
  if (found === undefined) throw new OptionError(`dialect must be one of ${DIALECT_NAMES.join(', ')}, not "${name}"`);
  return found;
};
