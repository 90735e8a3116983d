import { readFile } from 'node:fs/promises';
import type { Mode } from '../measure/mode.ts';
import { RESULTS_FORMAT, type Results } from './results.ts';

/** The results that an earlier run left in a file, or nothing if there are none that can be read. */
export const readLastRun = async (path: string): Promise<Results | undefined> => {
  try {
    const results = JSON.parse(await readFile(path, 'utf8')) as Results | { readonly format?: unknown };
    return results.format === RESULTS_FORMAT ? (results as Results) : undefined;
  } catch {
    return undefined;
  }
};

/** The median seconds of a peer in a cell of an earlier run, if it had that. */
export const lastSeconds = (
  last: Results | undefined,
  cell: { readonly mode: Mode; readonly label: string },
  name: string,
): number | undefined =>
  last?.cells
    .find(({ mode, label }) => mode === cell.mode && label === cell.label)
    ?.peers.find(({ peer }) => peer === name)?.summary.seconds.median;
