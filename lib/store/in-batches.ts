import type { Dir, Dirent } from 'node:fs';
import type { Entry } from '../protocol/entry.ts';

const NAMES_AT_ONCE = 256;

/**
 * What becomes of an open folder's names, batch by batch; closes it. Two batches are under way ahead of the one that is
 * taken, so that names are read while others are looked up.
 */
export async function* inBatches(names: Dir, lookUp: (batch: string[]) => Promise<Entry[]>): AsyncGenerator<Entry> {
  let batch: Promise<string[]> = Promise.resolve([]);
  const ahead: Promise<Entry[] | undefined>[] = [];
  const goAhead = (): void => {
    batch = batch.then(() => nextNames(names));
    const entries = batch.then((found) => (found.length === 0 ? undefined : lookUp(found)));
    // Its failure is told when its turn has come, if it comes.
    entries.catch(() => undefined);
    ahead.push(entries);
  };
  goAhead();
  goAhead();
  try {
    for (let entries = await ahead.shift(); entries !== undefined; entries = await ahead.shift()) {
      goAhead();
      yield* entries;
    }
  } finally {
    await Promise.allSettled(ahead);
    await names.close();
  }
}

/** The next names of an open folder; none at its end. By callbacks, because a promise for each name costs ten times as much. */
const nextNames = (folder: Dir): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const names: string[] = [];
    const take = (error: Error | null, dirent: Dirent | null): void => {
      if (error !== null) return reject(error);
      if (dirent !== null) names.push(dirent.name);
      if (dirent === null || names.length === NAMES_AT_ONCE) resolve(names);
      else folder.read(take);
    };
    folder.read(take);
  });
