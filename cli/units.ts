import prettyBytes from 'pretty-bytes';

/** `1.07 GB` */
export const formatBytes = (bytes: number): string => prettyBytes(bytes);

/** `120 MB/s` */
export const formatRate = (bytesPerSecond: number): string => `${prettyBytes(bytesPerSecond)}/s`;

/** `4:05`, `1:02:03`; whole seconds. */
export const formatDuration = (seconds: number): string => {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
};

/** `16 ms`, `1.2 s`, `45 s` */
export const formatSeconds = (seconds: number): string =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;

/** `1 file`, `12 files` */
export const formatCount = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export const DAY_MS = 24 * 60 * 60_000;
