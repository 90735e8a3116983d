import { type AddressInfo, type Socket, createServer } from 'node:net';
import { Observable, Subject } from 'rxjs';
import { ConnectionError } from '../errors/errors.ts';
import { systemCode } from '../errors/from-system.ts';
import { formatAddress, plainAddress } from './address.ts';

export interface ListenOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** A port that accepts connections. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Emits each accepted connection; hot, so one that nobody is there to take is refused. */
  readonly socket$: Observable<Socket>;
  /** Takes no more connections; those that were taken live on. */
  readonly stopAccepting: () => void;
}

/**
 * A listening port, opened on subscription.
 *
 * Emits the listener once it listens, never completes. Errors with `LISTEN_FAILED`. Unsubscribing closes the port;
 * accepted sockets belong to those who took them. Holds nothing.
 */
export const listen = ({ host, port }: ListenOptions): Observable<Listener> =>
  new Observable((subscriber) => {
    const accepted$ = new Subject<Socket>();
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      // A socket may fail before its reader is there; that reader will see it closed.
      socket.on('error', () => undefined);
      if (accepted$.observed) accepted$.next(socket);
      else socket.destroy();
    });
    server.on('error', (error) => subscriber.error(listenError(error, { host, port })));
    server.listen({ host, port }, () => {
      const address = server.address() as AddressInfo;
      subscriber.next({
        host: plainAddress(address.address),
        port: address.port,
        socket$: accepted$.asObservable(),
        stopAccepting: () => server.close(),
      });
    });
    return () => {
      if (server.listening) server.close();
      // The address is still being looked up, and nothing stops the port from being opened after that.
      else server.once('listening', () => server.close());
    };
  });

const listenError = (error: Error, address: ListenOptions): ConnectionError => {
  const where = formatAddress(address);
  const reason: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use by another program',
    EACCES: 'ports below 1024 need special rights',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'no such host',
  };
  return new ConnectionError(
    'LISTEN_FAILED',
    `cannot listen on ${where}: ${reason[systemCode(error)] ?? error.message}`,
    { cause: error },
  );
};
