import { join } from 'node:path';
import yargs from 'yargs';
import { MODES, type Mode } from './measure/mode.ts';
import { parseByteSize } from './report/byte-size.ts';

/** What a run of the bench shall do. */
export interface BenchOptions {
  /** File sizes in bytes. */
  readonly sizes: readonly number[];
  readonly modes: readonly Mode[];
  /** Samples of each peer, at each mode and size. */
  readonly repeats: number;
  /** Bytes that one sample moves where the file is smaller, by moving it many times. */
  readonly sampleBytes: number;
  /** Folder for the files, where one was asked for. */
  readonly dir: string | undefined;
  readonly fsync: boolean;
  /** File for the results. */
  readonly out: string;
  /** Whether the results are printed as JSON instead of a table. */
  readonly json: boolean;
}

const FULL = { sizes: '4KiB,1MiB,64MiB,1GiB', repeats: 5, sampleBytes: 256 * 1024 * 1024 };
const QUICK = { sizes: '4KiB,1MiB,64MiB', repeats: 3, sampleBytes: 32 * 1024 * 1024 };
const DEFAULT_OUT = join(import.meta.dirname, '..', '..', 'bench', 'results.json');

/** The options in command-line arguments. Prints help, or what is wrong with them, and exits where there is need. */
export const parseOptions = async (argv: readonly string[]): Promise<BenchOptions> => {
  const { quick, sizes, modes, repeats, dir, fsync, out, json } = await yargs(argv)
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nMeasures uploads and downloads on this machine, beside a raw stream.pipeline over TCP.')
    .options({
      quick: { type: 'boolean', default: false, describe: 'smaller sizes and fewer repeats: under a minute' },
      sizes: { type: 'string', describe: `file sizes, such as ${FULL.sizes}` },
      modes: { type: 'string', array: true, choices: MODES, default: MODES, describe: 'which transfers' },
      repeats: { type: 'number', describe: `samples of each (${FULL.repeats}, or ${QUICK.repeats} with --quick)` },
      dir: { type: 'string', describe: 'folder for the files (memory if there is room, or the temporary folder)' },
      fsync: {
        type: 'boolean',
        default: false,
        describe: 'flush each file to the disk, which the baseline never does',
      },
      out: { type: 'string', default: DEFAULT_OUT, defaultDescription: 'bench/results.json', describe: 'results file' },
      json: { type: 'boolean', default: false, describe: 'print the results as JSON' },
    })
    .check((given) => {
      if (given.sizes !== undefined) parseSizes(given.sizes);
      if (given.repeats !== undefined && !(Number.isInteger(given.repeats) && given.repeats > 0))
        throw new Error('--repeats must be a whole number above 0');
      return true;
    })
    .strict()
    .version(false)
    .parseAsync();
  const preset = quick ? QUICK : FULL;
  return {
    sizes: parseSizes(sizes ?? preset.sizes),
    modes,
    repeats: repeats ?? preset.repeats,
    sampleBytes: preset.sampleBytes,
    dir,
    fsync,
    out,
    json,
  };
};

const parseSizes = (list: string): number[] =>
  list.split(',').map((text) => {
    const size = parseByteSize(text);
    if (size === undefined) throw new Error(`--sizes: "${text}" is no size such as 4KiB, 64MiB or 1GiB`);
    return size;
  });
