import { OptionError, type RemotePath, UnsupportedError } from '../lib/index.ts';

export const DEFAULT_PORT = 1234;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A place on a server, as `sluice://host:port/path` names it. */
export interface RemoteUrl extends ServerAddress {
  readonly path: RemotePath;
  /** Whether the URL ends in `/` and so means a folder. */
  readonly isFolder: boolean;
}

const PATH_OF_URL = /^[^/]*\/\/[^/]*(.*)$/s;

/** Reads a port as people type it: digits, from 0 to 65535. */
export const parsePort = (text: string): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new OptionError(`port must be digits from 0 to 65535, not "${text}"`);
  return Number(text);
};

/** An IPv6 address without the brackets that URLs, and so people, put around it. */
export const plainHost = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/**
 * Reads a `sluice://` URL; percent-encoded characters stand for themselves. Nothing in its path is cleaned: the `..` that a
 * browser would follow is left for the check of the path to refuse.
 */
export const parseUrl = (text: string): RemoteUrl => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'sluices:') throw new UnsupportedError('TLS (sluices://) is not there yet');
  if (url?.protocol !== 'sluice:' || url.hostname === '')
    throw new OptionError(`"${text}" is not a URL like sluice://host:1234/folder/file`);
  if (url.username !== '' || url.password !== '')
    throw new UnsupportedError('logins are not there yet: leave the part of the URL before @ out');
  if (/[?#]/.test(text)) throw new OptionError(`${text}: in a name, write ? as %3F and # as %23`);
  const pathText = PATH_OF_URL.exec(text)?.[1] ?? '';
  const segments = pathText.split('/').filter((segment) => segment !== '');
  return {
    host: plainHost(url.hostname),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    path: segments.map((segment) => decode(segment, text)),
    isFolder: pathText === '' || pathText.endsWith('/'),
  };
};

const decode = (segment: string, url: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new OptionError(`${url}: "${segment}" is not percent-encoded properly`);
  }
};
