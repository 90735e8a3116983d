import { describeMode } from '../measure/mode.ts';
import { formatByteSize } from './byte-size.ts';
import { type Section, renderTable } from './render-table.ts';
import type { Cell, LeftOut, Results } from './results.ts';

const LABELS = ['size', 'by'];
const FIGURES = ['median', 'fastest', 'slowest', 'MB/s', 'ratio', 'client CPU', 'server CPU', 'client MB', 'server MB'];

/** The results as a person reads them: machine, table, what was left out. */
export const renderResults = ({ machine, folder, repeats, fsync, cells, leftOut }: Results): string => {
  const { processors, memory, platform, node } = machine;
  return [
    `${processors}, ${memory} memory, ${platform}, Node ${node}`,
    `${repeats} samples each, in turns; files in ${folder}, ${fsync ? 'flushed' : 'not flushed'}`,
    '',
    renderTable([...LABELS, ...FIGURES], sectionsOf(cells), LABELS.length),
    'Times and CPU: per transfer. MB/s: at the median. Ratio: to the baseline of the same round, 2 is twice as fast.',
    'MB: the most memory that the process had.',
    ...leftOutLines(leftOut),
  ].join('\n');
};

const sectionsOf = (cells: readonly Cell[]): Section[] =>
  [...new Set(cells.map(({ mode }) => mode))].map((mode) => ({
    title: describeMode(mode),
    rows: cells.filter((cell) => cell.mode === mode).flatMap(rowsOf),
  }));

const rowsOf = ({ size, peers }: Cell): string[][] =>
  peers.map(({ peer, summary, peakBytes }, index) => [
    index === 0 ? formatByteSize(size) : '',
    peer,
    ...[summary.seconds.median, summary.seconds.min, summary.seconds.max].map(formatSeconds),
    formatDigits(summary.rate / 1e6),
    summary.ratio.toFixed(2),
    ...[summary.cpuSeconds.client, summary.cpuSeconds.server].map(formatSeconds),
    ...[peakBytes.client, peakBytes.server].map((bytes) => (bytes / 1e6).toFixed(0)),
  ]);

const leftOutLines = (leftOut: readonly LeftOut[]): string[] =>
  [...new Set(leftOut.map(({ reason }) => reason))].map((reason) => {
    const names = leftOut.filter((one) => one.reason === reason).map(({ peer }) => peer);
    return `Left out, ${reason}: ${names.join(', ')}.`;
  });

const formatSeconds = (seconds: number): string =>
  seconds < 1 ? `${formatDigits(seconds * 1000)} ms` : `${formatDigits(seconds)} s`;

const formatDigits = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
