import { lstatSync, opendirSync } from 'node:fs';
import type { Entry } from '../../protocol/entry.ts';
import { entryOf } from '../entry-of.ts';
import { undecodedNames } from '../undecoded-names.ts';

/** What names of a folder are. Those that are gone are left out, and those that are not Unicode. */
export const entriesOf = (folder: string, names: readonly string[]): Entry[] => {
  const entries: Entry[] = [];
  for (const name of names) {
    try {
      const stats = lstatSync(`${folder}/${name}`, { throwIfNoEntry: false });
      if (stats !== undefined) entries.push(entryOf(name, stats));
    } catch {
      // A folder that may be listed, but not entered: the names cannot be asked for.
    }
  }
  return entries;
};

/** What is in a folder; throws if it is more than `atMost`. */
export const listFew = (
  folder: string,
  atMost: number,
): { readonly entries: Entry[]; readonly undecoded: readonly string[] } => {
  const names = fewNames(folder, atMost);
  const entries = entriesOf(folder, names);
  return { entries, undecoded: undecodedNames(names, entries) };
};

/** The names in a folder; throws if they are more than `atMost`. */
export const fewNames = (folder: string, atMost: number): string[] => {
  const opened = opendirSync(folder, { bufferSize: atMost });
  try {
    const names: string[] = [];
    for (let next = opened.readSync(); next !== null; next = opened.readSync()) {
      if (names.length === atMost) throw new Error('too many');
      names.push(next.name);
    }
    return names;
  } finally {
    opened.closeSync();
  }
};
