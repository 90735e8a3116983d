import { FileError } from '../errors/errors.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { Checkpoint, ContentRange } from '../store/checkpoint.ts';

/** What of a content of that size is not in any of the runs, which are in order. */
export const missingRanges = (size: number, runs: readonly ContentRange[]): ContentRange[] => {
  const missing: ContentRange[] = [];
  let at = 0;
  for (const { offset, end } of [...runs, { offset: size, end: size }]) {
    if (offset > at) missing.push({ offset: at, end: offset });
    at = end;
  }
  return missing;
};

/**
 * As many ranges as wanted for what is missing, about equal, or as many as there are blocks if that is less. Where more is
 * missing in more places, those that are nearest to each other become one, with what is there between them.
 */
export const planRanges = (missing: readonly ContentRange[], count: number): ContentRange[] => {
  const ranges = joined(missing, count);
  const shares = ranges.map(() => 1);
  for (let total = ranges.length; total < count; total += 1) {
    const sizes = ranges.map((range, index) => blocksIn(range) / (shares[index] ?? 1));
    const largest = Math.max(...sizes);
    if (largest <= 1) break;
    const index = sizes.indexOf(largest);
    shares[index] = (shares[index] ?? 1) + 1;
  }
  return ranges.flatMap((range, index) => divided(range, shares[index] ?? 1));
};

const joined = (ranges: readonly ContentRange[], most: number): readonly ContentRange[] => {
  if (ranges.length <= most) return ranges;
  const gaps = ranges.slice(1).map(({ offset }, index) => offset - (ranges[index]?.end ?? 0));
  const nearest = gaps.indexOf(Math.min(...gaps));
  const rest = ranges.flatMap((range, index) => {
    if (index === nearest) return { offset: range.offset, end: ranges[index + 1]?.end ?? range.end };
    return index === nearest + 1 ? [] : range;
  });
  return joined(rest, most);
};

const divided = (range: ContentRange, count: number): ContentRange[] => {
  const blocks = blocksIn(range);
  const cut = (index: number) => range.offset + Math.floor((blocks * index) / count) * BLOCK_BYTES;
  return Array.from({ length: count }, (_, index) => ({
    offset: cut(index),
    end: index === count - 1 ? range.end : cut(index + 1),
  }));
};

const blocksIn = ({ offset, end }: ContentRange): number => Math.ceil((end - offset) / BLOCK_BYTES);

/** Whether a content comes in ranges otherwise than from one place on to its end. */
export const isInRanges = (ranges: readonly ContentRange[], size: number): boolean =>
  ranges.length > 1 || (ranges[0] !== undefined && ranges[0].end < size);

/**
 * What is there of a content beside the ranges that will come; `OFFSET_MISMATCH` unless both together are the whole
 * content, each byte of it once.
 */
export const besideRanges = (
  checkpoint: Checkpoint | undefined,
  ranges: readonly ContentRange[],
  size: number,
): Checkpoint | undefined => {
  const isInside = (run: ContentRange) => ranges.some(({ offset, end }) => offset <= run.offset && run.end <= end);
  const runs = (checkpoint?.runs ?? []).filter((run) => !isInside(run));
  let at = 0;
  for (const { offset, end } of [...runs, ...ranges].sort((one, other) => one.offset - other.offset)) {
    if (offset !== at || end <= offset || (end % BLOCK_BYTES !== 0 && end !== size)) throw notWhole(size);
    at = end;
  }
  if (at !== size) throw notWhole(size);
  return checkpoint && runs.length > 0 ? { ...checkpoint, runs } : undefined;
};

const notWhole = (size: number) =>
  new FileError('OFFSET_MISMATCH', `the ranges that shall come do not make a whole content of ${size} bytes`);
