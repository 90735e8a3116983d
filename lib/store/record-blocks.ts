import { type MonoTypeOperatorFunction, Observable, concatMap, dematerialize, materialize } from 'rxjs';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { Progress } from '../streams/flow.ts';
import type { PartJournal } from './part-journal.ts';

/**
 * Notes in the journal which blocks are written, as progress from `start` on tells it; passes progress on when that is
 * noted, and an error behind what was written before it. Holds the digests of blocks that are not written yet.
 */
export const recordBlocks =
  (journal: PartJournal, digest$: Observable<string>, start: number): MonoTypeOperatorFunction<Progress> =>
  (progress$) =>
    new Observable((subscriber) => {
      const { size } = journal.header;
      const waiting: string[] = [];
      let index = start / BLOCK_BYTES;
      const record = async (written: number): Promise<void> => {
        while (index * BLOCK_BYTES < size && Math.min((index + 1) * BLOCK_BYTES, size) <= written) {
          const digest = waiting.shift();
          if (digest === undefined) return;
          await journal.record(index, digest);
          index += 1;
        }
      };
      subscriber.add(
        digest$.subscribe({
          next: (digest) => waiting.push(digest),
          error: (error: unknown) => subscriber.error(error),
        }),
      );
      // An error waits its turn too: what was written before it is worth noting.
      const recorded$ = progress$.pipe(
        materialize(),
        concatMap(async (event) => {
          if (event.kind === 'N') await record(event.value.bytes);
          return event;
        }),
        dematerialize(),
      );
      subscriber.add(recorded$.subscribe(subscriber));
    });
