/** Three digits or so. */
export const formatDigits = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

export const formatSeconds = (seconds: number): string =>
  seconds < 1 ? `${formatDigits(seconds * 1000)} ms` : `${formatDigits(seconds)} s`;
