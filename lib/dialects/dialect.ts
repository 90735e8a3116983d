import type { Socket } from 'node:net';
import type { Observable } from 'rxjs';
import type { SluiceError } from '../errors/errors.ts';
import type { DataPorts } from './data-ports.ts';
import type { ConversationLimits } from './limits.ts';
import type { Session } from './session.ts';

/** What the server lends to a dialect for one accepted connection. */
export interface SessionHost {
  /** Opens a session, runs `use` with it and closes it at the end; `SERVER_STOPPING` when no new ones are wanted. */
  withSession<T>(use: (session: Session) => Observable<T>): Observable<T>;
}

/** What a server tells a dialect about itself. */
export interface ServerContext {
  /** Address to listen on for data connections. */
  readonly host: string;
  readonly dataPorts: DataPorts;
  /** Transfers that one session may run at once. */
  readonly transfers: number;
  /** Name and version of the server program. */
  readonly agent: string;
  /** How much may come and how long to wait for it, as far as the dialect knows such a thing. */
  readonly limits: ConversationLimits;
}

/**
 * Opens a dialect for one server, on subscription. Emits once how connections to a listening port are spoken with,
 * given its number; however many ports speak the dialect, they have what it holds open in common. That is closed when
 * this is unsubscribed. Errors with `LISTEN_FAILED` where a data port cannot be opened.
 */
export type OpenServerDialect = (context: ServerContext) => Observable<(port: number) => ServerDialect>;

/** How a server speaks: bytes become commands of a session, replies become bytes. */
export interface ServerDialect {
  /** Whether data connections come to the same port, which then has to stay open while transfers run. */
  readonly takesData: boolean;
  /**
   * Runs one accepted connection until the peer has left or broken the rules, and closes it. Never emits; completes at
   * an orderly end and errors with what ended it otherwise.
   */
  converse(socket: Socket, host: SessionHost): Observable<never>;
  /** Tells a peer that there is no place for it, and closes the connection. */
  refuse(socket: Socket, reason: SluiceError): void;
  /** To be called once, when the server wants to end: each conversation finishes what runs, begins nothing, and ends. */
  stop(): void;
}

/** The far session, as a client sees it. */
export interface RemoteSession extends Session {
  /** Ends the session in the dialect's polite way and completes when that is said. */
  quit(): Observable<never>;
  /** Never emits; completes when the session ends in order and errors with what ended it otherwise. */
  readonly ended$: Observable<never>;
}

/** What a client tells a dialect about itself. Times are in milliseconds. */
export interface ClientContext {
  /** Who waits for data connections, where the dialect leaves that open. */
  readonly listener: 'server' | 'client';
  /** Name and version of the client program. */
  readonly agent: string;
  /** How long to wait for the server's answer, and for a data connection. */
  readonly timeoutMs: number;
  /** Silence after which the server counts as gone. */
  readonly stallMs: number;
}

/** Makes a client's dialect as the client wants it. */
export type OpenClientDialect = (context: ClientContext) => ClientDialect;

/** How a client speaks: on subscription it greets over a fresh connection and emits the session; unsubscribing closes it. */
export type ClientDialect = (socket: Socket) => Observable<RemoteSession>;
