import { join } from 'node:path';
import yargs from 'yargs';
import { MODES } from './measure/mode.ts';
import type { PlanOptions, Scale } from './measure/plan.ts';
import { PEERS } from './peers/peers.ts';
import { parseByteSize } from './report/byte-size.ts';

/** What a run of the bench shall do. */
export interface BenchOptions extends PlanOptions {
  /** Names of what is measured. */
  readonly peers: readonly string[];
  /** Samples of each peer, at each mode and size. */
  readonly repeats: number;
  /** Folder for the files, where one was asked for. */
  readonly dir: string | undefined;
  readonly fsync: boolean;
  /** File for the results; it may hold those of the last run, which are compared. */
  readonly out: string;
  /** File for the picture of them. */
  readonly picture: string;
  /** Whether the results are printed as JSON instead of a table. */
  readonly json: boolean;
}

interface Preset {
  readonly sizes: string;
  readonly repeats: number;
  /** Bytes that one sample moves where the file is smaller, by moving it many times, and how many times at most. */
  readonly sampleBytes: number;
  readonly maxTimes: number;
  readonly scale: Scale;
}

const FULL: Preset = {
  sizes: '4KiB,1MiB,64MiB,1GiB',
  repeats: 5,
  sampleBytes: 256 * 1024 * 1024,
  maxTimes: 50,
  scale: {
    treeFiles: 5000,
    sessions: 300,
    idleSessions: 10_000,
    besideBytes: 1024 * 1024 * 1024,
    downloadsAtOnce: 50,
    downloadBytes: 20_000_000,
    farTreeFiles: 1000,
    farPipeBytes: 512 * 1024 * 1024,
    entries: 1_000_000,
    coldStarts: 10,
  },
};
const QUICK: Preset = {
  sizes: '4KiB,64MiB',
  repeats: 2,
  sampleBytes: 64 * 1024 * 1024,
  maxTimes: 20,
  scale: {
    treeFiles: 200,
    sessions: 20,
    idleSessions: 300,
    besideBytes: 64 * 1024 * 1024,
    downloadsAtOnce: 10,
    downloadBytes: 5_000_000,
    farTreeFiles: 1000,
    farPipeBytes: 64 * 1024 * 1024,
    entries: 10_000,
    coldStarts: 2,
  },
};
const FOLDER = join(import.meta.dirname, '..', '..', 'bench');

/** The options in command-line arguments. Prints help, or what is wrong with them, and exits where there is need. */
export const parseOptions = async (argv: readonly string[]): Promise<BenchOptions> => {
  const names = PEERS.map(({ name }) => name);
  const given = await yargs(argv)
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nMeasures transfers on this machine, beside every other program that is installed.')
    .options({
      quick: { type: 'boolean', default: false, describe: 'less of everything: under a minute' },
      peers: { type: 'string', array: true, choices: names, default: names, describe: 'what is measured' },
      modes: { type: 'string', array: true, choices: MODES, default: MODES, describe: 'which work' },
      sizes: { type: 'string', describe: `file sizes, such as ${FULL.sizes}` },
      repeats: { type: 'number', describe: `samples of each (${FULL.repeats}, or ${QUICK.repeats} with --quick)` },
      dir: { type: 'string', describe: 'folder for the files (memory if there is room, or the temporary folder)' },
      fsync: {
        type: 'boolean',
        default: false,
        describe: 'flush each file to the disk, which the others never do',
      },
      out: {
        type: 'string',
        default: join(FOLDER, 'results.json'),
        defaultDescription: 'bench/results.json',
        describe: 'results file; the run that it holds is compared',
      },
      picture: {
        type: 'string',
        default: join(FOLDER, 'results.svg'),
        defaultDescription: 'bench/results.svg',
        describe: 'file for the picture',
      },
      json: { type: 'boolean', default: false, describe: 'print the results as JSON' },
    })
    .check(({ sizes, repeats }) => {
      if (sizes !== undefined) parseSizes(sizes);
      if (repeats !== undefined && !(Number.isInteger(repeats) && repeats > 0))
        throw new Error('--repeats must be a whole number above 0');
      return true;
    })
    .strict()
    .version(false)
    .parseAsync();
  const { sampleBytes, maxTimes, scale, ...preset } = given.quick ? QUICK : FULL;
  return {
    peers: given.peers,
    modes: given.modes,
    sizes: parseSizes(given.sizes ?? preset.sizes),
    repeats: given.repeats ?? preset.repeats,
    sampleBytes,
    maxTimes,
    scale,
    dir: given.dir,
    fsync: given.fsync,
    out: given.out,
    picture: given.picture,
    json: given.json,
  };
};

const parseSizes = (list: string): number[] =>
  list.split(',').map((text) => {
    const size = parseByteSize(text);
    if (size === undefined) throw new Error(`--sizes: "${text}" is no size such as 4KiB, 64MiB or 1GiB`);
    return size;
  });
