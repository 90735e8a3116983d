import { OptionError } from '../errors/errors.ts';
import type { OpenClientDialect, OpenServerDialect } from './dialect.ts';

/** Where the two sides of a dialect are. Loaded when they are used: no program speaks all of them. */
interface DialectModules {
  readonly server: () => Promise<OpenServerDialect>;
  readonly client: () => Promise<OpenClientDialect>;
}

/** What a server or client can be told to speak. */
export type DialectName = 'native' | 'framed' | 'blocks' | 'words' | 'cftp' | 'cloud';

/** Node looks a module up again at each `import()`, which is an eighth of what a short session costs its client. */
const once = <T>(load: () => Promise<T>): (() => Promise<T>) => {
  let loaded: Promise<T> | undefined;
  return () => (loaded ??= load());
};

/** Every dialect there is. */
export const DIALECTS: Readonly<Record<DialectName, DialectModules>> = {
  native: {
    server: once(async () => (await import('./native/server.ts')).nativeServer),
    client: once(async () => (await import('./native/client.ts')).nativeClient),
  },
  framed: {
    server: once(async () => (await import('./framed/server.ts')).framedServer),
    client: once(async () => (await import('./framed/client.ts')).framedClient),
  },
  blocks: {
    server: once(async () => (await import('./blocks/server.ts')).blocksServer),
    client: once(async () => (await import('./blocks/client.ts')).blocksClient),
  },
  words: {
    server: once(async () => (await import('./words/server.ts')).wordsServer),
    client: once(async () => (await import('./words/client.ts')).wordsClient),
  },
  cftp: {
    server: once(async () => (await import('./cftp/server.ts')).cftpServer),
    client: once(async () => (await import('./cftp/client.ts')).cftpClient),
  },
  cloud: {
    server: once(async () => (await import('./cloud/server.ts')).cloudServer),
    client: once(async () => (await import('./cloud/client.ts')).cloudClient),
  },
};

export const DIALECT_NAMES = Object.keys(DIALECTS) as readonly DialectName[];

/** The dialect of a name; throws `OPTION_INVALID`, with the names there are, if it is none. */
export const parseDialect = (name: string): DialectName => {
  const found = DIALECT_NAMES.find((known) => known === name);
  if (found === undefined) throw new OptionError(`dialect must be one of ${DIALECT_NAMES.join(', ')}, not "${name}"`);
  return found;
};
