import { type MonoTypeOperatorFunction, type Observable, lastValueFrom, tap } from 'rxjs';
import {
  OptionError,
  type OverwritePolicy,
  type TransferOptions,
  type TransferProgress,
  type TreeOptions,
  type TreeProgress,
  formatPath,
} from '../lib/index.ts';
import { display } from './display.ts';
import { drawProgress } from './progress-line.ts';
import type { Reporter } from './reporter.ts';
import { formatBytes, formatCount, formatRate, formatSeconds } from './units.ts';

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
  const {
    state,
    bytes,
    resumed = 0,
    unverified,
    digestSent,
  } = await lastValueFrom(progress$.pipe(telling(label, reporter)));
  const seconds = (performance.now() - start) / 1000;
  const proof = { ...(unverified && { unverified }), ...(digestSent && { digestSent }) };
  const facts = { bytes, ...(resumed > 0 && { resumed }), ...proof, seconds };
  reporter.result({ type: state, ...label, ...facts }, [outcomeLine(label, state, facts)]);
};

/**
 * The same for a folder and all that is in it: each thing that could not be read or kept is told as it happens, and what
 * is there counts as done.
 */
export const runTree = async (
  progress$: Observable<TreeProgress>,
  label: TransferLabel,
  reporter: Reporter,
): Promise<void> => {
  const start = performance.now();
  // A tree that begins again comes by the same things.
  const told = new Set<string>();
  const tellProblem = ({ problem }: TreeProgress) => {
    if (problem === undefined || told.has(formatPath(problem.path))) return;
    told.add(formatPath(problem.path));
    reporter.problem(problem.path, problem.error);
  };
  const {
    files,
    bytes,
    resumed = 0,
    skipped,
    failed,
  } = await lastValueFrom(progress$.pipe(tap(tellProblem), telling(label, reporter)));
  const seconds = (performance.now() - start) / 1000;
  const facts = { files, bytes, ...(resumed > 0 && { resumed }), skipped, failed, seconds };
  reporter.result({ type: 'completed', ...label, ...facts }, [treeLine(label, facts)]);
};

/** Tells a person how a transfer is doing. */
const telling =
  <T extends TransferProgress>(label: TransferLabel, reporter: Reporter): MonoTypeOperatorFunction<T> =>
  (progress$) => {
    const told$ = progress$.pipe(
      tap((progress) => {
        if (progress.state === 'waiting') reporter.note(waitingLine(label, progress), waitingObject(label, progress));
      }),
    );
    return reporter.json || reporter.quiet ? told$ : told$.pipe(drawProgress(label.from, process.stderr));
  };

interface TreeFacts {
  readonly files: number;
  readonly bytes: number;
  readonly resumed?: number;
  readonly skipped: number;
  readonly failed: number;
  readonly seconds: number;
}

const treeLine = (
  { from, to }: TransferLabel,
  { files, bytes, resumed = 0, skipped, failed, seconds }: TreeFacts,
): string => {
  const names = `${display(from)} -> ${display(to)}`;
  if (files + skipped + failed === 0) return `${names}: no new files, in ${formatSeconds(seconds)}`;
  const amount = `${formatCount(files, 'file')}, ${formatBytes(bytes)}`;
  const rate = formatRate((bytes - resumed) / seconds);
  const there = thereLine(resumed);
  const left = `${skipped > 0 ? `, ${skipped} skipped` : ''}${failed > 0 ? `, ${failed} failed` : ''}`;
  return `${names}: ${amount} in ${formatSeconds(seconds)} (${rate})${there}, verified${left}`;
};

type Proof = Pick<TransferProgress, 'unverified' | 'digestSent'>;

interface TransferFacts extends Proof {
  readonly bytes: number;
  readonly resumed?: number;
  readonly seconds: number;
}

const outcomeLine = (
  { from, to }: TransferLabel,
  state: TransferProgress['state'],
  { bytes, resumed = 0, seconds, ...proof }: TransferFacts,
): string => {
  const names = `${display(from)} -> ${display(to)}`;
  if (state === 'skipped') return `${names}: skipped, the target stays as it is`;
  const rate = formatRate((bytes - resumed) / seconds);
  const there = thereLine(resumed);
  return `${names}: ${formatBytes(bytes)} in ${formatSeconds(seconds)} (${rate})${there}, ${proofText(proof)}`;
};

const proofText = ({ unverified, digestSent }: Proof): string => {
  if (!unverified) return 'verified';
  return digestSent ? 'sent with a digest for the server to verify' : 'not verified by this dialect';
};

const thereLine = (resumed: number): string => (resumed > 0 ? `, ${formatBytes(resumed)} of it were there` : '');

const waitingLine = ({ from }: TransferLabel, { trouble, waitMs = 0 }: TransferProgress): string => {
  const reason = trouble === undefined ? 'it broke off' : display(trouble.message);
  const when = waitMs === 0 ? 'beginning again' : `trying again in ${formatSeconds(waitMs / 1000)}`;
  return `${display(from)}: ${reason}; ${when}`;
};

const waitingObject = (label: TransferLabel, { trouble, waitMs = 0 }: TransferProgress): object => ({
  type: 'waiting',
  ...label,
  ...(trouble && { code: trouble.code, message: trouble.message }),
  seconds: waitMs / 1000,
});

/** The flags of every command that moves files, as yargs reads them. */
export const TRANSFER_FLAGS = {
  overwrite: { type: 'boolean', describe: 'replace an existing target (the default)' },
  clobber: { type: 'boolean', default: true, describe: 'with --no-clobber: fail if the target exists' },
  'skip-existing': { type: 'boolean', describe: 'leave an existing target as it is' },
  'if-newer': { type: 'boolean', describe: 'replace the target only by a source modified later' },
  preserve: { alias: 'p', type: 'boolean', describe: 'keep modified time and permissions' },
  resume: { type: 'boolean', default: true, describe: 'with --no-resume: begin anew, and keep nothing of a failure' },
  fsync: { type: 'boolean', describe: 'wait for the disk: the default for files, and not for folders' },
  segments: { type: 'number', default: 1, describe: 'data connections for one file, 1 to 16; not for folders' },
  recursive: { alias: 'r', type: 'boolean', default: false, describe: 'folders too, with all that is in them' },
} as const;

export interface TransferFlags {
  readonly overwrite?: boolean | undefined;
  readonly clobber: boolean;
  readonly skipExisting?: boolean | undefined;
  readonly ifNewer?: boolean | undefined;
  readonly preserve?: boolean | undefined;
  readonly resume: boolean;
  readonly fsync?: boolean | undefined;
  readonly segments: number;
  readonly recursive: boolean;
}

/** The options that a command's flags ask for. */
export const transferOptions = (flags: TransferFlags) => {
  const { preserve = false, resume, fsync = true, segments } = flags;
  const overwrite = overwritePolicy(flags);
  return { overwrite, keepTime: preserve, keepMode: preserve, resume, fsync, segments } satisfies TransferOptions;
};

/** The same for a folder, whose files always keep time and permissions. */
export const treeOptions = (flags: TransferFlags) =>
  ({ overwrite: overwritePolicy(flags), fsync: flags.fsync ?? false, resume: flags.resume }) satisfies TreeOptions;

const overwritePolicy = ({ clobber, skipExisting, ifNewer }: TransferFlags): OverwritePolicy => {
  const wishes = [!clobber, skipExisting, ifNewer].filter((wish) => wish === true).length;
  if (wishes > 1) throw new OptionError('--no-clobber, --skip-existing and --if-newer exclude each other');
  return !clobber ? 'refuse' : skipExisting ? 'skip' : ifNewer ? 'if-newer' : 'overwrite';
};
