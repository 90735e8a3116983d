import { type MonoTypeOperatorFunction, defer, finalize, tap } from 'rxjs';
import type { TransferProgress, TreeProgress } from '../lib/index.ts';
import { display } from './display.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

const REDRAW_MS = 100;
/** Wipes the line that a terminal's cursor is in. */
export const CLEAR_LINE = '\r\u001b[K';
const DEFAULT_COLUMNS = 80;
const MIN_NAME = 8;

/**
 * Draws progress on one line of a terminal, at most ten times a second, and wipes it at the end whatever that is. Draws
 * nothing where the stream is no terminal.
 */
export const drawProgress =
  <T extends TransferProgress>(name: string, terminal: NodeJS.WriteStream): MonoTypeOperatorFunction<T> =>
  (progress$) =>
    defer(() => {
      if (!terminal.isTTY) return progress$;
      let drawn = -Infinity;
      return progress$.pipe(
        tap((progress) => {
          const now = performance.now();
          if (now - drawn < REDRAW_MS) return;
          drawn = now;
          terminal.write(CLEAR_LINE + progressLine(name, progress, terminal.columns || DEFAULT_COLUMNS));
        }),
        finalize(() => terminal.write(CLEAR_LINE)),
      );
    });

/**
 * `big.iso   45%  450 MB of 1 GB  120 MB/s  0:05 left`, or of a folder `photos  120 files  450 MB  120 MB/s`, cut to the
 * terminal's width.
 */
export const progressLine = (name: string, progress: TransferProgress | TreeProgress, columns: number): string => {
  const { bytes, total, rate, eta } = progress;
  const files = 'files' in progress ? formatCount(progress.files, 'file') : '';
  const percent = total === undefined || total === 0 ? '' : `${Math.floor((bytes / total) * 100)}%`.padStart(4);
  const amount = total === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(total)}`;
  const left = eta === undefined ? '' : `${formatDuration(eta)} left`;
  const facts = [percent, files, amount, formatRate(rate), left].filter((part) => part !== '').join('  ');
  const room = Math.max(MIN_NAME, columns - facts.length - 3);
  return `${shorten(display(name), room)}  ${facts}`;
};

/** Keeps the end of a name, which tells more than its beginning. */
const shorten = (name: string, room: number): string =>
  name.length <= room ? name : `\u2026${name.slice(name.length - room + 1)}`;
