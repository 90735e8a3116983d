import type { RemotePath } from '../protocol/path.ts';
import type { Store } from '../store/store.ts';
import type { Source } from '../streams/flow.ts';
import { withResource } from '../streams/with-resource.ts';

/**
 * A file of a store as the place where bytes come from. Opened on subscription, closed at the end whatever it is.
 * Errors with `SOURCE_CHANGED` if the file became another while it was read.
 */
export const fromStore =
  (store: Pick<Store, 'open'>, path: RemotePath): Source =>
  (open$) =>
    withResource(
      () => store.open(path),
      (file) => file.close(),
      (file) => file.content()(open$),
    );
