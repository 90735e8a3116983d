import { OptionError, sluiceError } from '../../lib/index.ts';
import type { ErrorCode, SluiceError } from '../../lib/index.ts';
import type { ServerAddress } from '../address.ts';
import { display } from '../display.ts';
import { errorLine } from '../reporter.ts';
import type { TransferLabel } from '../transfer.ts';

// A script may break off more than anybody takes up again.
const MAX_JOBS = 100;

/** What a transfer may fail with so that trying it again is worth a thought. */
const BROKEN_OFF: ReadonlySet<ErrorCode> = new Set([
  'BUSY',
  'CANCELLED',
  'CLOSED_EARLY',
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'DATA_TIMEOUT',
  'DIGEST_MISMATCH',
  'HELLO_TIMEOUT',
  'IDLE_TIMEOUT',
  'NO_SPACE',
  'SERVER_FULL',
  'SERVER_STOPPING',
  'SIZE_MISMATCH',
  'SOURCE_CHANGED',
  'STALLED',
]);

/** A transfer of a prompt that runs, or that broke off. */
export interface Job {
  readonly number: number;
  readonly address: ServerAddress;
  readonly label: TransferLabel;
  /** What ended it; missing while it runs. */
  readonly trouble?: SluiceError;
}

/** The transfers of one prompt: those that run, and those that broke off and can be taken up. */
export class Jobs<Work> {
  readonly #jobs = new Map<number, Job & { readonly work: Work }>();
  #last = 0;

  get all(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  /** Runs a transfer under a number, that of an earlier try if it has one; it is forgotten when it is done. */
  async run(
    job: Pick<Job, 'address' | 'label'> & { readonly work: Work; readonly number?: number },
    act: () => Promise<void>,
  ): Promise<void> {
    const number = job.number ?? (this.#last += 1);
    // Behind the others, also when it is taken up: what broke off last comes last.
    this.#jobs.delete(number);
    this.#jobs.set(number, { ...job, number });
    try {
      await act();
      this.#jobs.delete(number);
    } catch (error) {
      const trouble = sluiceError(error);
      if (BROKEN_OFF.has(trouble.code)) this.#jobs.set(number, { ...job, number, trouble });
      else this.#jobs.delete(number);
      this.#forgetOldest();
      throw error;
    }
  }

  /** The transfer that broke off last, or the one of a number. Throws `OPTION_INVALID` where there is none. */
  toTakeUp(number?: number): Job & { readonly work: Work } {
    const broken = [...this.#jobs.values()].filter(({ trouble }) => trouble !== undefined);
    const job = number === undefined ? broken.at(-1) : broken.find((each) => each.number === number);
    if (job !== undefined) return job;
    throw new OptionError(
      number === undefined ? 'nothing broke off in this session' : `no transfer ${number} broke off: see jobs`,
    );
  }

  #forgetOldest(): void {
    for (const { number, trouble } of this.#jobs.values()) {
      if (this.#jobs.size <= MAX_JOBS) return;
      if (trouble !== undefined) this.#jobs.delete(number);
    }
  }
}

/** A transfer as an object for programs. */
export const jobObject = ({ number, label, trouble }: Job): object => ({
  type: 'job',
  number,
  ...label,
  state: trouble === undefined ? 'running' : 'broken-off',
  ...(trouble && { code: trouble.code, message: trouble.message }),
});

/** A transfer as a line for people: `2  download  /big.iso -> ./big.iso: cancelled [CANCELLED]` */
export const jobLine = ({ number, label: { direction, from, to }, trouble }: Job): string =>
  `${number}  ${direction}  ${display(from)} -> ${display(to)}: ${trouble === undefined ? 'running' : errorLine(trouble)}`;
