const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes in a text such as `4KiB`, `64 MiB` or `4096`; nothing if it is no size. */
export const parseByteSize = (text: string): number | undefined => {
  const [, digits = '', unit = 'B'] = /^(\d+)\s*([KMGT]iB|B)?$/.exec(text.trim()) ?? [];
  const bytes = Number(digits) * 1024 ** UNITS.indexOf(unit);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
};

/** A size in the largest unit that leaves it whole: `4 KiB`. */
export const formatByteSize = (bytes: number): string => {
  const power = UNITS.findLastIndex((_, index) => bytes % 1024 ** index === 0);
  return `${bytes / 1024 ** power} ${UNITS[power] ?? ''}`;
};

/** A size in decimal units, rounded: `20 MB`. */
export const formatDecimalSize = (bytes: number): string =>
  bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
