import type { Mode } from './mode.ts';

/** One kind of work, done again and again by each peer. */
export interface Task {
  readonly mode: Mode;
  /** Folder of everything that is served, sent and received. */
  readonly folder: string;
  /** Name of the file or folder that is sent or listed. */
  readonly source: string;
  /** Name under which a receiver that keeps what it gets writes it. */
  readonly target: string;
  /** Bytes of one file; 0 where no file is moved. */
  readonly size: number;
  /** How many files, sessions or entries one act deals with. */
  readonly count: number;
  /** Sessions that are held beside it, in which nothing happens. */
  readonly idle: number;
  /** Whether a receiver that can forces each file to the disk. */
  readonly fsync: boolean;
}
