import { MODE_TITLES } from '../measure/mode.ts';
import { CEILINGS, SUBJECT } from '../peers/peers.ts';
import { formatDigits } from './format-figure.ts';
import type { Cell, Results } from './results.ts';

/** One bar: ours beside the fastest other that did the same. */
interface Bar {
  readonly text: string;
  readonly rival: string;
  /** How many times as fast ours was. */
  readonly ratio: number;
}

const WIDTH = 900;
const LABEL_WIDTH = 340;
const RIVAL_WIDTH = 220;
const ROW = 24;
const HEAD = 64;
const BAR = 14;
// A bar that is longer than this many doublings is cut: what matters then is that it is far away.
const MAX_DOUBLINGS = 4;

/**
 * The results as an SVG picture: one bar for each cell, to the right where ours was faster than the fastest other
 * program, to the left where it was slower, one step for each doubling. Readable on light and dark pages alike.
 */
export const renderPicture = ({ cells }: Results): string => {
  const bars = cells.flatMap(barOf);
  const height = HEAD + bars.length * ROW + 16;
  const unit = (WIDTH - LABEL_WIDTH - RIVAL_WIDTH) / 2 / MAX_DOUBLINGS;
  const middle = LABEL_WIDTH + unit * MAX_DOUBLINGS;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${SUBJECT} beside the fastest other program</title>`,
    STYLE,
    `<text x="8" y="22" class="title">${SUBJECT} beside the fastest other program</text>`,
    ...scale(middle, unit, height),
    ...bars.flatMap((bar, index) => draw(bar, HEAD + index * ROW, middle, unit)),
    '</svg>',
    '',
  ].join('\n');
};

const STYLE = `<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .rival, .scale { fill: #57606a; }
  .grid { stroke: #d0d7de; }
  .even { stroke: #57606a; }
  .faster { fill: #1a7f37; }
  .slower { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .rival, .scale { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .even { stroke: #9198a1; }
    .faster { fill: #3fb950; }
    .slower { fill: #f0883e; }
  }
</style>`;

const scale = (middle: number, unit: number, height: number): string[] =>
  Array.from({ length: 2 * MAX_DOUBLINGS + 1 }, (_, index) => index - MAX_DOUBLINGS).flatMap((doublings) => {
    const x = middle + doublings * unit;
    const text = doublings < 0 ? `1/${2 ** -doublings}` : `${2 ** doublings}`;
    return [
      `<line x1="${x}" x2="${x}" y1="${HEAD - 8}" y2="${height - 12}" class="${doublings === 0 ? 'even' : 'grid'}"/>`,
      `<text x="${x}" y="${HEAD - 14}" text-anchor="middle" class="scale">${text}</text>`,
    ];
  });

const draw = ({ text, rival, ratio }: Bar, top: number, middle: number, unit: number): string[] => {
  const doublings = Math.max(-MAX_DOUBLINGS, Math.min(MAX_DOUBLINGS, Math.log2(ratio)));
  const length = Math.abs(doublings) * unit;
  const left = doublings < 0 ? middle - length : middle;
  const baseline = top + BAR - 2;
  return [
    `<text x="8" y="${baseline}">${escapeText(text)}</text>`,
    `<rect x="${left.toFixed(1)}" y="${top}" width="${length.toFixed(1)}" height="${BAR}" rx="2" class="${ratio < 1 ? 'slower' : 'faster'}"/>`,
    `<text x="${WIDTH - RIVAL_WIDTH + 16}" y="${baseline}" class="rival">× ${formatDigits(ratio)} ${escapeText(rival)}</text>`,
  ];
};

const barOf = ({ mode, label, peers }: Cell): Bar[] => {
  const rivals = peers.flatMap(({ peer, summary: { ratio } }) =>
    peer === SUBJECT || CEILINGS.includes(peer) || ratio === undefined ? [] : [{ rival: peer, ratio }],
  );
  const [best] = rivals.sort((a, b) => a.ratio - b.ratio);
  return best === undefined ? [] : [{ text: `${MODE_TITLES[mode]}, ${label}`, ...best }];
};

const escapeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
