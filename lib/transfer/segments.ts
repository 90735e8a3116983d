import { EMPTY, type Observable, Subject, catchError, concat, defer, map, merge, takeUntil, tap } from 'rxjs';
import { BLOCK_BYTES } from '../protocol/block.ts';
import { type BlockDigests, type ContentRange, bytesIn } from '../store/checkpoint.ts';
import type { Progress, Sink, Source } from '../streams/flow.ts';
import { pumpWithin } from '../streams/pump.ts';
import { sourceThrough } from '../streams/source-through.ts';

/** One of the ranges in which a content comes side by side. */
export interface Segment extends ContentRange {
  /** Its bytes; may lend them. */
  readonly source: Source;
  /** The digests of its blocks, if it comes verified; as `BlockDigests.withHoles$` has them. */
  readonly digest$?: BlockDigests['withHoles$'];
}

/** Where a content goes that comes in segments: subscribes each of them once, and completes as a `Sink` does. */
export type SegmentSink = (segments: readonly Segment[]) => Observable<Progress>;

// For each of up to sixteen, so less than a pipeline of its own would hold.
const segmentPump = pumpWithin({ lend: true, high: BLOCK_BYTES });

/**
 * Moves segments into sinks of their own, each as fast as it can. `sinkOf` gives a sink that counts from the content's
 * start; one that waits before it asks for bytes ends that wait with `failure$`, which errors when another segment fails.
 *
 * Emits how much of a content of `size` bytes is there: what the segments have moved, and what is in none of them. Where one
 * fails, the others are told by an error of their sources, end what they hold, and then all fail with the first error.
 * Unsubscribing cancels all. Holds up to 1 MiB a segment and what a read of its source yields.
 */
export const pumpSegments = (
  segments: readonly Segment[],
  size: number,
  sinkOf: (segment: Segment, index: number, failure$: Observable<never>) => Sink,
): Observable<Progress> =>
  defer(() => {
    const failure$ = new Subject<never>();
    const there = size - bytesIn(segments);
    const moved = segments.map(() => 0);
    const run = (segment: Segment, index: number) =>
      segmentPump(sourceThrough(segment.source, takeUntil(failure$)), sinkOf(segment, index, failure$)).pipe(
        tap(({ bytes }) => (moved[index] = bytes - segment.offset)),
        catchError((error: unknown) => {
          failure$.error(error);
          return EMPTY;
        }),
      );
    return concat(
      merge(...segments.map(run)).pipe(map(() => ({ bytes: moved.reduce((sum, bytes) => sum + bytes, there) }))),
      defer(() => {
        failure$.complete();
        return failure$;
      }),
    );
  });
