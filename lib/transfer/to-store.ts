import { catchError, concat, defer, ignoreElements, throwError } from 'rxjs';
import type { ErrorCode } from '../errors/codes.ts';
import { SluiceError } from '../errors/errors.ts';
import { exactSize } from '../operators/exact-size.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { PartOptions, Store } from '../store/store.ts';
import type { Sink } from '../streams/flow.ts';
import { withResource } from '../streams/with-resource.ts';

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
  (bytes$) =>
    defer(() => {
      let isSpoilt = false;
      const { size, keep } = options;
      const expected = size === undefined ? undefined : size - (keep?.from?.offset ?? 0);
      return withResource(
        () => store.begin(path, options),
        (part) => (isSpoilt ? part.discard() : part.suspend()),
        (part) =>
          concat(
            (expected === undefined ? bytes$ : bytes$.pipe(exactSize(expected))).pipe(part.content(valve)),
            defer(() => part.commit()).pipe(ignoreElements()),
          ).pipe(
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
