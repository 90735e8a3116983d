/** The value below which that part of the values lies (0.5: the median), between two of them in proportion; NaN for none. */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * part;
  const [below = NaN, above = below] = sorted.slice(Math.max(0, Math.floor(position)));
  return below + (above - below) * (position - Math.floor(position));
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);
