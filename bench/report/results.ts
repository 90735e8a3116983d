import type { Failure, Measured } from '../measure/measure-task.ts';
import type { Mode } from '../measure/mode.ts';
import type { Machine } from './machine.ts';
import type { Summary } from './summarize.ts';

/** Grows whenever an older file can no longer be read as this. */
export const RESULTS_FORMAT = 2;

/** Everything one run of the bench found out: what `results.json` holds. */
export interface Results {
  readonly format: typeof RESULTS_FORMAT;
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
  /** How much, for people: `1 GiB`, `300 in turn`. With the mode it names the cell. */
  readonly label: string;
  /** Acts in each sample. */
  readonly times: number;
  readonly peers: readonly (Measured & { readonly summary: Summary })[];
  readonly failed: readonly Failure[];
}
