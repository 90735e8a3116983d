import type { Socket } from 'node:net';
import { type Observable, defer, filter, merge, retry, switchMap, take, throwError, timeout, timer } from 'rxjs';
import { OptionError, ProtocolError, TimeoutError } from '../../errors/errors.ts';
import { systemCode } from '../../errors/from-system.ts';
import { plainAddress } from '../../net/address.ts';
import { connect } from '../../net/connect.ts';
import type { Listener } from '../../net/listen.ts';
import type { DataPorts } from '../data-ports.ts';

/** Lower ports are never dialled nor opened on a peer's word. */
export const FIRST_UNPRIVILEGED_PORT = 1024;

// Some programs name their port a moment before they listen on it.
const REFUSED_MS = 1000;
const REFUSED_STEP_MS = 20;

/**
 * Makes a data connection by waiting for the peer on a port that `listener$` opens; `announce` tells it that port, only
 * once it is open. Emits the socket and completes; from then on it is the taker's. These dialects know no token, so the
 * peer is whoever comes first from its address; others are turned away. Errors with `LISTEN_FAILED` and `DATA_TIMEOUT`.
 */
export const awaitData = (
  listener$: Observable<Listener>,
  peer: string,
  deadlineMs: number,
  announce: (port: number) => Observable<never>,
): Observable<Socket> =>
  listener$.pipe(
    switchMap((listener) => merge(announce(listener.port), listener.socket$.pipe(filter(comesFrom(peer))))),
    take(1),
    timeout({ first: deadlineMs, with: () => throwError(() => noData(deadlineMs)) }),
  );

/** Makes a data connection by going to the peer's port, and goes on for a second where that is refused. */
export const dialData = (host: string, port: number, deadlineMs: number): Observable<Socket> =>
  defer(() => {
    const end = performance.now() + REFUSED_MS;
    const again = (error: unknown) =>
      isRefusal(error) && performance.now() < end ? timer(REFUSED_STEP_MS) : throwError(() => error);
    return connect({ host, port, timeoutMs: deadlineMs }).pipe(retry({ delay: again }));
  });

/** A port number in decimal digits, and nothing else; `MESSAGE_INVALID` for anything else. */
export const parsePort = (text: string, least = 1): number => {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < least || port > 65_535)
    throw new ProtocolError(
      'MESSAGE_INVALID',
      `${JSON.stringify(text.slice(0, 40))} is no port from ${least} to 65535`,
    );
  return port;
};

/** The server's data ports, for a dialect whose data connections each need a port to themselves. */
export const ownPorts = (dialect: string, ports: DataPorts): Exclude<DataPorts, 'same'> => {
  if (ports === 'same')
    throw new OptionError(`${dialect} cannot take data connections on the control port: name other data ports`);
  return ports;
};

const comesFrom = (peer: string) => (socket: Socket) => {
  if (plainAddress(socket.remoteAddress ?? '') === peer) return true;
  socket.destroy();
  return false;
};

const isRefusal = (error: unknown): boolean => error instanceof Error && systemCode(error.cause) === 'ECONNREFUSED';

const noData = (deadlineMs: number) =>
  new TimeoutError('DATA_TIMEOUT', `no data connection came within ${deadlineMs / 1000} s`);
