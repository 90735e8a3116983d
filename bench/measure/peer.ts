import type { Timing } from './sample.ts';
import type { Task } from './task.ts';
import type { Usage } from './usage.ts';

/**
 * Something that can be measured. To compare one more program, implement this in a file of its own and add it to
 * `PEERS`.
 */
export interface Peer {
  /** Short, in lower case, without blanks: it is also what `--peers` takes. */
  readonly name: string;
  /** Whether this is a kind of work it can do at all. */
  does(task: Task): boolean;
  /** Why it cannot be measured here ("vsftpd is not installed"), or nothing if it can. */
  missing(): Promise<string | undefined>;
  /** Starts what it needs as processes of their own for one task. Aborting kills them. */
  open(task: Task, signal: AbortSignal): Promise<PeerSession>;
}

/** A client and a server that are ready for their task. */
export interface PeerSession {
  /** Acts so many times (fewer if it is slow to start), one after the other. */
  act(times: number): Promise<Timing>;
  /** What both sides have used since their start. */
  usage(): Promise<BothSides<Usage>>;
  /** Ends both sides. */
  close(): Promise<void>;
}

export interface BothSides<T> {
  readonly client: T;
  readonly server: T;
}

/** The processes of one side. */
export interface Side {
  usage(): Promise<Usage>;
  close(): Promise<void>;
}

/** Where a server can be reached, on this machine's loopback. */
export interface ServerAddress {
  /** @default 127.0.0.1 */
  readonly host?: string;
  readonly port: number;
  /** Made for this run, so that nobody else on this machine can use the server; empty where there is no login. */
  readonly password: string;
  /** What stands before every name, for this server: a folder with a slash, or nothing. */
  readonly prefix: string;
}

export interface ServerSide extends Side {
  readonly address: ServerAddress;
}

export interface ClientSide extends Side {
  act(times: number): Promise<Timing>;
}
