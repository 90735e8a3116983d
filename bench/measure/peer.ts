import type { Task } from './task.ts';
import type { Usage } from './usage.ts';

/**
 * Something that moves files and can be measured. To compare one more program, implement this in a file of its own and
 * add it to `PEERS`.
 */
export interface Peer {
  readonly name: string;
  /** Why it cannot be measured here ("vsftpd is not installed"), or nothing if it can. */
  missing(): Promise<string | undefined>;
  /** Starts client and server as processes of their own for one task. Aborting kills both. */
  open(task: Task, signal: AbortSignal): Promise<PeerSession>;
}

/** A client and a server that are ready for their task. */
export interface PeerSession {
  /** Moves the file so many times, one after the other, and gives the seconds of each. */
  transfer(times: number): Promise<readonly number[]>;
  /** What both processes have used since their start. */
  usage(): Promise<BothSides<Usage>>;
  /** Ends both processes. */
  close(): Promise<void>;
}

export interface BothSides<T> {
  readonly client: T;
  readonly server: T;
}
