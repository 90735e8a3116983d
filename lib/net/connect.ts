import { type Socket, connect as connectSocket } from 'node:net';
import { Observable } from 'rxjs';
import { TimeoutError } from '../errors/errors.ts';
import { connectError } from '../errors/from-system.ts';
import { formatAddress } from './address.ts';

export interface ConnectOptions {
  /** A name, looked up by DNS, or an IPv4 or IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds for look-up and connection together. */
  readonly timeoutMs: number;
}

/**
 * A TCP connection, made on subscription.
 *
 * Emits the connected socket and completes: from then on the socket is its taker's to close. Errors with
 * `HOST_NOT_FOUND`, `CONNECT_FAILED` or `CONNECT_TIMEOUT`. Unsubscribing before that closes whatever there is of it.
 */
export const connect = ({ host, port, timeoutMs }: ConnectOptions): Observable<Socket> =>
  new Observable((subscriber) => {
    const where = formatAddress({ host, port });
    // Node tries the addresses of a name one after the other, IPv4 and IPv6, and gives each a moment.
    const socket = connectSocket({ host, port, noDelay: true, keepAlive: true, autoSelectFamily: true });
    const deadline = setTimeout(() => {
      subscriber.error(new TimeoutError('CONNECT_TIMEOUT', `no connection to ${where} within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    let taken = false;
    // The listener stays: an error between taking the socket and reading it must not end the process.
    socket.on('error', (error) => subscriber.error(connectError(firstCause(error), where)));
    socket.once('connect', () => {
      taken = true;
      subscriber.next(socket);
      subscriber.complete();
    });
    return () => {
      clearTimeout(deadline);
      if (!taken) socket.destroy();
    };
  });

/** Of a name with several addresses, the first address's error says most; Node wraps them all in one. */
const firstCause = (error: Error): unknown =>
  error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
