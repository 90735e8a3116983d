import type { Socket } from 'node:net';
import type { Observable } from 'rxjs';
import type { SluiceError } from '../errors/errors.ts';
import type { Session } from './session.ts';

/** What the server lends to a dialect for one accepted connection. */
export interface SessionHost {
  /** Opens a session, runs `use` with it and closes it at the end; `SERVER_STOPPING` when no new ones are wanted. */
  withSession<T>(use: (session: Session) => Observable<T>): Observable<T>;
  /** Emits, once, when the server wants to end: finish what runs, begin nothing. */
  readonly stopping$: Observable<unknown>;
}

/** How a server speaks: bytes become commands of a session, replies become bytes. */
export interface ServerDialect {
  /**
   * Runs one accepted connection until the peer has left or broken the rules, and closes it. Never emits; completes at
   * an orderly end and errors with what ended it otherwise.
   */
  converse(socket: Socket, host: SessionHost): Observable<never>;
  /** Tells a peer that there is no place for it, and closes the connection. */
  refuse(socket: Socket, reason: SluiceError): void;
}

/** The far session, as a client sees it. */
export interface RemoteSession extends Session {
  /** Ends the session in the dialect's polite way and completes when that is said. */
  quit(): Observable<never>;
  /** Never emits; completes when the session ends in order and errors with what ended it otherwise. */
  readonly ended$: Observable<never>;
}

/** How a client speaks: on subscription it greets over a fresh connection and emits the session; unsubscribing closes it. */
export type ClientDialect = (socket: Socket) => Observable<RemoteSession>;
