import { MODE_TITLES } from '../measure/mode.ts';
import { formatDigits, formatSeconds } from './format-figure.ts';
import { lastSeconds } from './last-run.ts';
import { type Section, renderTable } from './render-table.ts';
import type { Cell, LeftOut, Results } from './results.ts';
import { SUBJECT } from '../peers/peers.ts';

const LABELS = ['of', 'by'];
const FIGURES = ['median', 'quartiles', 'MB/s', SUBJECT, 'CPU s/GB', 'peak MB', 'last run'];
const NONE = '–';

/** The results as a person reads them: machine, table, what was left out. */
export const renderResults = (results: Results, last: Results | undefined): string => {
  const { machine, folder, repeats, fsync, cells, leftOut } = results;
  const { processors, memory, platform, node } = machine;
  return [
    `${processors}, ${memory} memory, ${platform}, Node ${node}`,
    `${repeats} samples each, in turns; files in ${folder}, ${fsync ? 'flushed' : 'not flushed'}`,
    '',
    renderTable([...LABELS, ...FIGURES], sectionsOf(cells, last), LABELS.length),
    'median, quartiles: of one act. MB/s: at the median.',
    `${SUBJECT}: how many times as fast as this row ${SUBJECT} was in the same round; above 1 it was faster.`,
    'CPU s/GB: client + server, processor seconds for 1 GB; peak MB: client + server.',
    `last run: this time compared with that of the last recorded run${last ? ` (${last.began})` : ''}; above 1 it is faster now.`,
    ...noteLines(cells),
    ...leftOutLines(leftOut),
  ].join('\n');
};

const sectionsOf = (cells: readonly Cell[], last: Results | undefined): Section[] =>
  [...new Set(cells.map(({ mode }) => mode))].map((mode) => ({
    title: MODE_TITLES[mode],
    rows: cells.filter((cell) => cell.mode === mode).flatMap((cell) => rowsOf(cell, last)),
  }));

const rowsOf = (cell: Cell, last: Results | undefined): string[][] =>
  cell.peers.map(({ peer, summary, peakBytes }, index) => {
    const { seconds, rate, ratio, cpuSecondsPerGB } = summary;
    const before = lastSeconds(last, cell, peer);
    return [
      index === 0 ? cell.label : '',
      peer,
      formatSeconds(seconds.median),
      `${formatSeconds(seconds.lower)} … ${formatSeconds(seconds.upper)}`,
      rate === undefined ? NONE : formatDigits(rate / 1e6),
      ratio === undefined || peer === SUBJECT ? NONE : `× ${formatDigits(ratio)}`,
      cpuSecondsPerGB === undefined
        ? NONE
        : `${formatDigits(cpuSecondsPerGB.client)} + ${formatDigits(cpuSecondsPerGB.server)}`,
      `${formatMegabytes(peakBytes.client)} + ${formatMegabytes(peakBytes.server)}`,
      before === undefined ? NONE : `× ${formatDigits(before / seconds.median)}`,
    ];
  });

/** Processes that were gone before anybody looked have no figure. */
const formatMegabytes = (bytes: number): string => (bytes === 0 ? NONE : (bytes / 1e6).toFixed(0));

/** What fits into no column: further figures, and what failed. */
const noteLines = (cells: readonly Cell[]): string[] =>
  cells.flatMap(({ mode, label, peers, failed }) => {
    const about = `${MODE_TITLES[mode]}, ${label}`;
    const further = peers.flatMap(({ peer, summary }) => {
      const figures = Object.entries(summary.figures).map(([name, value]) => `${name}: ${formatDigits(value)}`);
      return figures.length === 0 ? [] : [`${about}, ${peer}: ${figures.join('; ')}`];
    });
    return [...further, ...failed.map(({ peer, reason }) => `${about}, ${peer}: FAILED, ${reason}`)];
  });

const leftOutLines = (leftOut: readonly LeftOut[]): string[] =>
  leftOut.map(({ peer, reason }) => `Left out: ${peer}, ${reason}.`);
