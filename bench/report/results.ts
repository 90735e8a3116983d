import type { Measured } from '../measure/measure-task.ts';
import type { Mode } from '../measure/mode.ts';
import type { Machine } from './machine.ts';
import type { Summary } from './summarize.ts';

/** Everything one run of the bench found out: what `results.json` holds. */
export interface Results {
  /** When it began, ISO 8601. */
  readonly began: string;
  readonly machine: Machine;
  /** Where the files were. */
  readonly folder: string;
  readonly repeats: number;
  readonly fsync: boolean;
  readonly cells: readonly Cell[];
  readonly leftOut: readonly LeftOut[];
}

export interface LeftOut {
  readonly peer: string;
  readonly reason: string;
}

/** One mode at one size. */
export interface Cell {
  readonly mode: Mode;
  /** Bytes of the file. */
  readonly size: number;
  /** Transfers in each sample. */
  readonly times: number;
  readonly peers: readonly (Measured & { readonly summary: Summary })[];
}
