import type { Mode } from './mode.ts';

/** One kind of transfer, done again and again by each peer. */
export interface Task {
  readonly mode: Mode;
  /** Folder of both files. */
  readonly folder: string;
  /** Name of the file that is sent. */
  readonly source: string;
  /** Name under which a receiver that keeps the file writes it. */
  readonly target: string;
  /** Whether a receiver that can forces each file to the disk. */
  readonly fsync: boolean;
}
