import type { Stats } from 'node:fs';
import { type Entry, type EntryKind, MODE_BITS } from '../protocol/entry.ts';

/** What the file system tells about a name, as a listing shows it. */
export const entryOf = (name: string, stats: Stats): Entry => ({
  name,
  kind: kindOf(stats),
  size: stats.isFile() ? stats.size : 0,
  // Node sets times with a fraction of a microsecond lost, so rounding down would be off by one every other time.
  modified: Math.round(stats.mtimeMs),
  mode: stats.mode & MODE_BITS,
});

const kindOf = (stats: Stats): EntryKind => {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'folder';
  return stats.isSymbolicLink() ? 'link' : 'other';
};
