import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const MAX_LINES = 1000;

const file = (): string =>
  join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'sluice', 'history');

/** The lines of earlier runs, the newest first, as readline wants them. */
export const readHistory = (): string[] => {
  try {
    return readFileSync(file(), 'utf8').split('\n').filter(Boolean).slice(0, MAX_LINES);
  } catch {
    return [];
  }
};

/** Keeps the lines, the newest first, for later runs; readable to their owner only. */
export const writeHistory = (lines: readonly string[]): void => {
  try {
    mkdirSync(dirname(file()), { recursive: true, mode: 0o700 });
    writeFileSync(file(), `${lines.slice(0, MAX_LINES).join('\n')}\n`, { mode: 0o600 });
  } catch {
    // A home that cannot be written to is no reason to complain at every line.
  }
};
