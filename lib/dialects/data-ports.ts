import { type Observable, catchError, throwError } from 'rxjs';
import { ConnectionError, LimitError } from '../errors/errors.ts';
import { listenOnFreshPort } from '../net/fresh-port.ts';
import { type Listener, listen } from '../net/listen.ts';

/** The ports from one to another, both included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Which ports a side listens on for data: any free one, one of a range, or the port of its control connections. A range
 * of a single port is one port for all.
 */
export type DataPorts = 'ephemeral' | 'same' | PortRange;

/** Whether all data connections come to one port that is not the control connections'. */
export const isOnePort = (ports: DataPorts): ports is PortRange => typeof ports === 'object' && ports.from === ports.to;

/**
 * A port for data, opened on subscription: any free one, or the first of the range that is free. Errors with
 * `LISTEN_FAILED` where there is none. Unsubscribing closes it.
 */
export const listenForData = (host: string, ports: Exclude<DataPorts, 'same'>): Observable<Listener> =>
  ports === 'ephemeral' ? listenOnFreshPort(host) : listenInRange(host, ports, ports.from);

/** The first port of a range that is free, from `port` on. */
const listenInRange = (host: string, { from, to }: PortRange, port: number): Observable<Listener> =>
  port > to
    ? throwError(() => new LimitError('LISTEN_FAILED', `every data port from ${from} to ${to} is in use`))
    : listen({ host, port }).pipe(
        catchError((error: unknown) =>
          error instanceof ConnectionError ? listenInRange(host, { from, to }, port + 1) : throwError(() => error),
        ),
      );
