import { lastValueFrom, toArray } from 'rxjs';
import { type Client, type Entry, type RemotePath, SluiceError } from '../lib/index.ts';
import { display } from './display.ts';
import type { Reporter } from './reporter.ts';
import { formatBytes } from './units.ts';

const MARKS: Readonly<Record<Entry['kind'], string>> = { file: '', folder: '/', link: '@', other: '?' };

/** The entries of a folder; of a file, its own. */
export const readListing = async (client: Client, path: RemotePath): Promise<Entry[]> => {
  try {
    return await lastValueFrom(client.list(path).pipe(toArray()));
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'NOT_A_FOLDER') return [await client.stat(path)];
    throw error;
  }
};

/** Shows a listing: to people as a table, to programs as an object a line. */
export const reportListing = (entries: readonly Entry[], reporter: Reporter): void => {
  if (reporter.json) for (const entry of entries) reporter.result(entry, []);
  else reporter.result(entries, formatListing(entries));
};

/** Entries as lines: size, time and name, in the order of their names; folders end in `/`, links in `@`. */
export const formatListing = (entries: readonly Entry[]): string[] => {
  const rows = [...entries]
    .sort((one, other) => compareNames(one.name, other.name))
    .map((entry) => [
      entry.kind === 'file' && !Number.isNaN(entry.size) ? formatBytes(entry.size) : '-',
      formatTime(entry.modified),
      shownName(entry),
    ]);
  const width = Math.max(0, ...rows.map(([size = '']) => size.length));
  return rows.map(([size = '', time, name]) => `${size.padStart(width)}  ${time}  ${name}`);
};

/** Everything that is known about an entry, a line each. */
export const formatEntry = (entry: Entry, path: string): string[] => [
  `path      ${display(path)}`,
  `kind      ${entry.kind}`,
  ...(entry.kind === 'file' ? [`size      ${entry.size} bytes (${formatBytes(entry.size)})`] : []),
  `modified  ${isKnownTime(entry.modified) ? new Date(entry.modified).toISOString() : 'unknown'}`,
  `mode      ${entry.mode.toString(8).padStart(4, '0')}`,
];

const shownName = ({ name, kind }: Entry): string => display(name) + MARKS[kind];

/** Local time to the minute: `2026-01-31 18:05`. */
const formatTime = (milliseconds: number): string => {
  if (!isKnownTime(milliseconds)) return 'unknown'.padEnd(16);
  const date = new Date(milliseconds);
  const two = (value: number) => String(value).padStart(2, '0');
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}`
  );
};

/** A server may send numbers that are no date. */
const isKnownTime = (milliseconds: number): boolean => !Number.isNaN(new Date(milliseconds).getTime());

const compareNames = (one: string, other: string): number => (one < other ? -1 : Number(one > other));
