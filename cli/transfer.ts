import { type Observable, lastValueFrom, tap } from 'rxjs';
import { OptionError, type TransferOptions, type TransferProgress } from '../lib/index.ts';
import { display } from './display.ts';
import { drawProgress } from './progress-line.ts';
import type { Reporter } from './reporter.ts';
import { formatBytes, formatRate, formatSeconds } from './units.ts';

/** What a transfer moves, for the person who waits for it. */
export interface TransferLabel {
  readonly direction: 'download' | 'upload';
  readonly from: string;
  readonly to: string;
}

/** Runs a transfer to its end, drawing progress on the way and reporting the outcome. */
export const runTransfer = async (
  progress$: Observable<TransferProgress>,
  label: TransferLabel,
  reporter: Reporter,
): Promise<void> => {
  const start = performance.now();
  const told$ = progress$.pipe(
    tap((progress) => {
      if (progress.state === 'waiting') reporter.note(waitingLine(label, progress));
    }),
  );
  const watched$ = reporter.json || reporter.quiet ? told$ : told$.pipe(drawProgress(label.from, process.stderr));
  const { state, bytes, resumed = 0 } = await lastValueFrom(watched$);
  const seconds = (performance.now() - start) / 1000;
  const facts = { bytes, ...(resumed > 0 && { resumed }), seconds };
  reporter.result({ type: state, ...label, ...facts }, [outcomeLine(label, state, facts)]);
};

interface TransferFacts {
  readonly bytes: number;
  readonly resumed?: number;
  readonly seconds: number;
}

const outcomeLine = (
  { from, to }: TransferLabel,
  state: TransferProgress['state'],
  { bytes, resumed = 0, seconds }: TransferFacts,
): string => {
  const names = `${display(from)} -> ${display(to)}`;
  if (state === 'skipped') return `${names}: skipped, the target stays as it is`;
  const rate = formatRate((bytes - resumed) / seconds);
  const there = resumed > 0 ? `, ${formatBytes(resumed)} of it were there` : '';
  return `${names}: ${formatBytes(bytes)} in ${formatSeconds(seconds)} (${rate})${there}, verified`;
};

const waitingLine = ({ from }: TransferLabel, { trouble, waitMs = 0 }: TransferProgress): string => {
  const reason = trouble === undefined ? 'it broke off' : display(trouble.message);
  const when = waitMs === 0 ? 'beginning again' : `trying again in ${formatSeconds(waitMs / 1000)}`;
  return `${display(from)}: ${reason}; ${when}`;
};

/** The flags of every command that moves files, as yargs reads them. */
export const TRANSFER_FLAGS = {
  overwrite: { type: 'boolean', describe: 'replace an existing target (the default)' },
  clobber: { type: 'boolean', default: true, describe: 'with --no-clobber: fail if the target exists' },
  'skip-existing': { type: 'boolean', describe: 'leave an existing target as it is' },
  'if-newer': { type: 'boolean', describe: 'replace the target only by a source modified later' },
  preserve: { alias: 'p', type: 'boolean', describe: 'keep modified time and permissions' },
  resume: { type: 'boolean', default: true, describe: 'with --no-resume: begin anew, and keep nothing of a failure' },
  fsync: { type: 'boolean', default: true, describe: 'with --no-fsync: do not wait for the disk' },
} as const;

export interface TransferFlags {
  readonly overwrite?: boolean | undefined;
  readonly clobber: boolean;
  readonly skipExisting?: boolean | undefined;
  readonly ifNewer?: boolean | undefined;
  readonly preserve?: boolean | undefined;
  readonly resume: boolean;
  readonly fsync: boolean;
}

/** The options that a command's flags ask for. */
export const transferOptions = ({ clobber, skipExisting, ifNewer, preserve = false, resume, fsync }: TransferFlags) => {
  const wishes = [!clobber, skipExisting, ifNewer].filter((wish) => wish === true).length;
  if (wishes > 1) throw new OptionError('--no-clobber, --skip-existing and --if-newer exclude each other');
  const overwrite = !clobber ? 'refuse' : skipExisting ? 'skip' : ifNewer ? 'if-newer' : 'overwrite';
  return { overwrite, keepTime: preserve, keepMode: preserve, resume, fsync } satisfies TransferOptions;
};
