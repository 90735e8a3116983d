import type { Socket } from 'node:net';
import { type MonoTypeOperatorFunction, type Observable, mergeMap, takeUntil } from 'rxjs';
import type { ContentRange } from '../../store/checkpoint.ts';
import type { Progress, Sink } from '../../streams/flow.ts';
import { sourceThrough } from '../../streams/source-through.ts';
import { type Segment, pumpSegments } from '../../transfer/segments.ts';
import { ArrivingBlocks, Gaps } from './arriving-blocks.ts';
import { ContentDigest } from './content-digest.ts';
import { type ContentOptions, receiveContentOver, sendContent } from './content.ts';
import type { ContentProof } from './messages.ts';
import type { TransferPulse } from './transfer-pulse.ts';
import { waitForReason } from './wait-for-reason.ts';

export interface SegmentOptions extends Omit<ContentOptions, 'offset' | 'pulse'> {
  readonly pulse: TransferPulse;
  /** The whole content's length. */
  readonly size: number;
  readonly ranges: readonly ContentRange[];
  /** Makes the data connection of one of them. */
  readonly socketOf: (index: number) => Observable<Socket>;
}

/** Data connections as the places where the segments of one content go; otherwise as `sendContent`. */
export const sendSegments = (segments: readonly Segment[], options: SegmentOptions): Observable<Progress> => {
  const contentOf = contentsOf(options);
  const sinkOf =
    (_: Segment, index: number, failure$: Observable<never>): Sink =>
    (valve) =>
    (bytes$) => {
      const socket$ = options.socketOf(index).pipe(takeUntil(failure$));
      return socket$.pipe(
        mergeMap((socket) => bytes$.pipe(sendContent(socket, contentOf(index))(valve))),
        waitForReason('sending'),
      );
    };
  return pumpSegments(segments, options.size, sinkOf);
};

/**
 * Data connections as the places where the segments of one content come from; otherwise as `receiveContent`. One with broken
 * blocks fails when the others have come to their ends, so that nothing of theirs has to be sent again.
 */
export const receiveSegments = (options: SegmentOptions, failing: MonoTypeOperatorFunction<Buffer>): Segment[] => {
  const contentOf = contentsOf(options);
  const { ranges, digestName } = options;
  const gaps = new Gaps(ranges.length);
  return ranges.map((range, index) => {
    const blocks = new ArrivingBlocks(digestName, gaps);
    const content = receiveContentOver(options.socketOf(index), { ...contentOf(index), size: range.end, blocks });
    return { ...range, source: sourceThrough(content, failing), digest$: blocks.withHoles$ };
  });
};

/** What each segment's content is told: its own place and pulse, and a share in the proof of the whole. */
const contentsOf = ({
  ranges,
  pulse,
  onProof,
  size,
  ...options
}: SegmentOptions): ((index: number) => ContentOptions) => {
  const pulseOf = pulse.inParts(ranges.length);
  const digests = ranges.map(() => '');
  const prove = (index: number, { digest }: ContentProof) => {
    digests[index] = digest;
    if (digests.includes('')) return;
    const whole = new ContentDigest(options.digestName);
    for (const segment of digests) whole.add(segment);
    onProof({ bytes: size, digest: whole.finish() });
  };
  return (index) => ({
    ...options,
    offset: ranges[index]?.offset,
    pulse: pulseOf(index),
    onProof: (proof) => prove(index, proof),
  });
};
