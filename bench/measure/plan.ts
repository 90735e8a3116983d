import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatByteSize, formatDecimalSize } from '../report/byte-size.ts';
import { FILE_MODES, type Mode } from './mode.ts';
import { writeEmptyFiles, writeRandomFile, writeTree } from './fixtures.ts';

/** How large the work is that does not go by file sizes. */
export interface Scale {
  /** Files of a tree, of `treeFileBytes` each. */
  readonly treeFiles: number;
  readonly sessions: number;
  readonly idleSessions: number;
  /** Bytes of a file that is downloaded beside as many idle sessions. */
  readonly besideBytes: number;
  readonly downloadsAtOnce: number;
  readonly downloadBytes: number;
  /** Files of a tree that is far away, and bytes of a file that is. */
  readonly farTreeFiles: number;
  readonly farPipeBytes: number;
  /** Entries of the folder that is listed. */
  readonly entries: number;
  readonly coldStarts: number;
}

export const TREE_FILE_BYTES = 4096;

/** Sources, and what is done with each. */
export interface Batch {
  readonly source: string;
  prepare(folder: string, signal: AbortSignal): Promise<void>;
  readonly works: readonly Work[];
}

/** One cell of the results. */
export interface Work {
  readonly mode: Mode;
  /** How much, for people: `1 GiB`, `300 sessions`. */
  readonly label: string;
  readonly size: number;
  readonly count: number;
  readonly idle: number;
  /** Acts in a sample. */
  readonly times: number;
  /** Samples, where the work is too long for as many as were asked for. */
  readonly maxRepeats: number;
}

export interface PlanOptions {
  readonly modes: readonly Mode[];
  readonly sizes: readonly number[];
  readonly sampleBytes: number;
  readonly maxTimes: number;
  readonly scale: Scale;
}

/** What is measured, in which order, for the modes and sizes asked for. */
export const planBatches = (options: PlanOptions): Batch[] =>
  [...options.sizes.map((size) => planFile(size, options)), ...planScenarios(options.scale)]
    .map((batch) => ({ ...batch, works: batch.works.filter(({ mode }) => options.modes.includes(mode)) }))
    .filter(({ works }) => works.length > 0);

/** Removes a batch's source. */
export const removeSource = (folder: string, { source }: Batch): Promise<void> =>
  rm(join(folder, source), { recursive: true, force: true });

const planFile = (size: number, { sampleBytes, maxTimes }: PlanOptions): Batch => {
  // A sample of small files is many of them: one alone would measure the clock and the scheduler.
  const times = Math.max(1, Math.min(maxTimes, Math.round(sampleBytes / size)));
  const source = `source-${size}`;
  const works = FILE_MODES.map((mode) => ({ ...SINGLE, mode, label: formatByteSize(size), size, times }));
  return { source, prepare: (folder) => writeRandomFile(join(folder, source), size), works };
};

const planScenarios = (scale: Scale): Batch[] => {
  const {
    treeFiles,
    sessions,
    idleSessions,
    besideBytes,
    downloadsAtOnce,
    downloadBytes,
    farTreeFiles,
    farPipeBytes,
    entries,
    coldStarts,
  } = scale;
  const tree = { ...SINGLE, size: TREE_FILE_BYTES, count: treeFiles, label: `${treeFiles} × 4 KiB` };
  return [
    {
      source: 'tree',
      prepare: (folder) => writeTree(join(folder, 'tree'), treeFiles, TREE_FILE_BYTES),
      works: [
        { ...tree, mode: 'upload-tree' },
        { ...tree, mode: 'download-tree' },
      ],
    },
    {
      source: 'far',
      prepare: (folder) => writeRandomFile(join(folder, 'far'), TREE_FILE_BYTES),
      works: [
        {
          ...SINGLE,
          mode: 'far-file',
          size: TREE_FILE_BYTES,
          times: FAR_FILES,
          label: formatByteSize(TREE_FILE_BYTES),
        },
      ],
    },
    {
      source: 'far-tree',
      prepare: (folder) => writeTree(join(folder, 'far-tree'), farTreeFiles, TREE_FILE_BYTES),
      works: [{ ...tree, mode: 'far-tree', count: farTreeFiles, label: `${farTreeFiles} × 4 KiB` }],
    },
    {
      source: 'far-pipe',
      prepare: (folder) => writeRandomFile(join(folder, 'far-pipe'), farPipeBytes),
      works: [{ ...SINGLE, mode: 'far-pipe', size: farPipeBytes, label: formatByteSize(farPipeBytes) }],
    },
    {
      source: 'shared',
      prepare: (folder) => writeRandomFile(join(folder, 'shared'), downloadBytes),
      works: [
        {
          ...SINGLE,
          mode: 'downloads-at-once',
          size: downloadBytes,
          count: downloadsAtOnce,
          label: `${downloadsAtOnce} × ${formatDecimalSize(downloadBytes)}`,
        },
      ],
    },
    {
      source: 'few',
      prepare: (folder, signal) => writeEmptyFiles(join(folder, 'few'), FEW_ENTRIES, signal),
      works: [
        { ...SINGLE, mode: 'sessions', times: sessions, label: `${sessions} in turn` },
        { ...SINGLE, mode: 'idle-sessions', count: idleSessions, label: String(idleSessions), maxRepeats: 1 },
        { ...SINGLE, mode: 'cold-start', times: coldStarts, label: `${FEW_ENTRIES} entries` },
      ],
    },
    {
      source: 'beside',
      prepare: (folder) => writeRandomFile(join(folder, 'beside'), besideBytes),
      works: [
        {
          ...SINGLE,
          mode: 'beside-idle',
          size: besideBytes,
          idle: idleSessions,
          label: `${formatByteSize(besideBytes)} beside ${idleSessions}`,
        },
      ],
    },
    {
      source: 'many',
      prepare: (folder, signal) => writeEmptyFiles(join(folder, 'many'), entries, signal),
      works: [{ ...SINGLE, mode: 'list-folder', count: entries, label: `${entries} entries`, maxRepeats: 3 }],
    },
  ];
};

const FEW_ENTRIES = 10;
const FAR_FILES = 20;
const SINGLE = { size: 0, count: 1, idle: 0, times: 1, maxRepeats: Infinity } as const;
