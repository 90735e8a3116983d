import type { Dir, Dirent } from 'node:fs';
import type { Entry } from '../protocol/entry.ts';

const NAMES_AT_ONCE = 256;

const BATCHES_AHEAD = 2;

/**
 * What becomes of an open folder's names, batch by batch; closes it. The first entry comes alone. From then on two batches are
 * under way ahead of the one that is taken, so that names are read while others are looked up; who ends early waits for those.
 */
export async function* inBatches(names: Dir, lookUp: (batch: string[]) => Promise<Entry[]>): AsyncGenerator<Entry[]> {
  let batch: Promise<string[]> = Promise.resolve([]);
  const ahead: Promise<Entry[] | undefined>[] = [];
  const goAhead = (batches: number): void => {
    while (ahead.length < batches) {
      batch = batch.then(() => nextNames(names));
      const entries = batch.then((found) => (found.length === 0 ? undefined : lookUp(found)));
      // Its failure is told when its turn has come, if it comes.
      entries.catch(() => undefined);
      ahead.push(entries);
    }
  };
  let batchesAhead = 0;
  try {
    for (;;) {
      goAhead(1 + batchesAhead);
      const entries = await ahead.shift();
      if (entries === undefined) return;
      if (batchesAhead === 0 && entries.length > 0) {
        yield entries.splice(0, 1);
        // Only now: who wanted to know whether there is any entry at all has left.
        goAhead((batchesAhead = BATCHES_AHEAD));
      }
      yield entries;
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
