export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An address as people write it: `localhost:1234`, `[::1]:1234`. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** Whether a listening address can be reached from this machine only. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** An IPv4 address that a dual-stack socket reports in IPv6 dress (`::ffff:10.0.0.1`) as plain IPv4. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/**
 * What counts as one peer for limits: an IPv4 address, or the first 64 bits of an IPv6 one, of which a single machine is
 * usually given the whole rest.
 */
export const networkOf = (address: string): string => {
  const plain = plainAddress(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter(Boolean).length;
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail ?? '').split(':')];
  return all.slice(0, 4).join(':');
};
