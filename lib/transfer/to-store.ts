import { concat, defer, ignoreElements } from 'rxjs';
import { exactSize } from '../operators/exact-size.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { CommitOptions, PartOptions, Store } from '../store/store.ts';
import type { Sink } from '../streams/flow.ts';
import { withResource } from '../streams/with-resource.ts';

/**
 * A file of a store as the place where bytes go, whole or not at all.
 *
 * Completes when the file has its name, is flushed (unless `fsync` is false) and is therefore safe. On any error, of
 * the store or from upstream, and on unsubscribing, what was written is removed and the old file is untouched. Errors
 * with `SIZE_MISMATCH` when the content is not `size` bytes long.
 */
export const toStore =
  (store: Store, path: RemotePath, options: PartOptions & CommitOptions = {}): Sink =>
  (valve) =>
  (bytes$) =>
    withResource(
      () => store.begin(path, options),
      (part) => part.discard(),
      (part) =>
        concat(
          (options.size === undefined ? bytes$ : bytes$.pipe(exactSize(options.size))).pipe(part.content(valve)),
          defer(() => part.commit(options)).pipe(ignoreElements()),
        ),
    );
