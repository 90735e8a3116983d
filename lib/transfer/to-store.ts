import { type Observable, catchError, concat, defer, ignoreElements, throwError } from 'rxjs';
import type { ErrorCode } from '../errors/codes.ts';
import { InternalError, SluiceError } from '../errors/errors.ts';
import { exactSize } from '../operators/exact-size.ts';
import type { RemotePath } from '../protocol/path.ts';
import { bytesIn, leadingRun } from '../store/checkpoint.ts';
import type { Part, PartOptions, Store } from '../store/store.ts';
import type { Progress, Sink } from '../streams/flow.ts';
import { withResource } from '../streams/with-resource.ts';
import { type Segment, type SegmentSink, pumpSegments } from './segments.ts';

/**
 * A file of a store as the place where bytes go, whole or not at all.
 *
 * Completes when the file has its name, is flushed (unless `fsync` is false) and is therefore safe. On any error, of
 * the store or from upstream, and on unsubscribing, the old file is untouched; what was verified is kept for the next
 * try where the options say so, and everything else is removed. Errors with `SIZE_MISMATCH` when the content is not
 * `size` bytes long.
 */
export const toStore =
  (store: Store, path: RemotePath, options: PartOptions = {}): Sink =>
  (valve) =>
  (bytes$) => {
    const { size, keep } = options;
    const start = leadingRun(keep?.from)?.end ?? 0;
    const exact$ = size === undefined ? bytes$ : bytes$.pipe(exactSize(size - start));
    return asPart(store, path, options, (part) => exact$.pipe(part.content(valve)));
  };

/**
 * The same for a content that comes in segments: they, and what `options.keep` goes on with, have to be the whole of it.
 * The store is one that writes anywhere.
 */
export const segmentsToStore =
  (store: Store, path: RemotePath, options: PartOptions & { readonly size: number }): SegmentSink =>
  (segments) =>
    asPart(store, path, options, (part) => pumpSegments(segments, options.size, (segment) => intoPart(part, segment)));

const intoPart =
  (part: Part, segment: Segment): Sink =>
  (valve) =>
  (bytes$) => {
    if (part.contentAt === undefined)
      throw new InternalError('a content in segments is for a store that writes anywhere');
    return bytes$.pipe(exactSize(bytesIn([segment])), part.contentAt(segment, segment.digest$)(valve));
  };

/** Begins a part, fills it, and gives it its name, or ends it as its failure asks for. */
const asPart = (
  store: Store,
  path: RemotePath,
  options: PartOptions,
  fill: (part: Part) => Observable<Progress>,
): Observable<Progress> =>
  defer(() => {
    let isSpoilt = false;
    return withResource(
      () => store.begin(path, options),
      (part) => (isSpoilt ? part.discard() : part.suspend()),
      (part) =>
        concat(fill(part), defer(() => part.commit()).pipe(ignoreElements())).pipe(
          catchError((error: unknown) => {
            isSpoilt = spoilsContent(error);
            return throwError(() => error);
          }),
        ),
    );
  });

/** Whether a failure says that the content itself is not what it was, so that nothing of it is worth keeping. */
const spoilsContent = (error: unknown): boolean => error instanceof SluiceError && SPOILING.includes(error.code);

const SPOILING: readonly ErrorCode[] = ['OFFSET_MISMATCH', 'SOURCE_CHANGED'];
