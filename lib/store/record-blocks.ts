import { type MonoTypeOperatorFunction, Observable, concat, defer, ignoreElements, tap } from 'rxjs';
import type { SluiceError } from '../errors/errors.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { Progress } from '../streams/flow.ts';
import type { BlockDigests, ContentRange } from './checkpoint.ts';
import type { PartJournal } from './part-journal.ts';

// A write costs ten times what it takes to compare a block where the system's threads have to be woken for it, so they
// are gathered: what a killed process loses is what the last moment brought.
const FLUSH_MS = 100;

/**
 * Notes in the journal which blocks are written, as progress in a range tells it, but for those that were broken, and writes
 * the journal down a moment later, the last ones before it completes. Passes progress on unchanged. What is noted and not
 * written down at an error is for the part's own end. Holds the digests of blocks that are not written yet.
 */
export const recordBlocks =
  (
    journal: PartJournal,
    digest$: Required<BlockDigests>['withHoles$'],
    { offset, end }: ContentRange,
  ): MonoTypeOperatorFunction<Progress> =>
  (progress$) =>
    new Observable((subscriber) => {
      const waiting: (string | SluiceError)[] = [];
      let index = offset / BLOCK_BYTES;
      let flushing: NodeJS.Timeout | undefined;
      const record = (written: number): void => {
        while (index * BLOCK_BYTES < end && Math.min((index + 1) * BLOCK_BYTES, end) <= written) {
          const digest = waiting.shift();
          if (digest === undefined) return;
          if (typeof digest === 'string') journal.record(index, digest);
          index += 1;
        }
      };
      const flushSoon = (): void => {
        flushing ??= setTimeout(() => {
          flushing = undefined;
          journal.flush().catch((error: unknown) => subscriber.error(error));
        }, FLUSH_MS);
      };
      subscriber.add(() => clearTimeout(flushing));
      subscriber.add(
        digest$.subscribe({
          next: (digest) => waiting.push(digest),
          error: (error: unknown) => subscriber.error(error),
        }),
      );
      const recorded$ = progress$.pipe(
        tap(({ bytes }) => {
          record(bytes);
          flushSoon();
        }),
      );
      const rest$ = defer(() => journal.flush()).pipe(ignoreElements());
      subscriber.add(concat(recorded$, rest$).subscribe(subscriber));
    });
