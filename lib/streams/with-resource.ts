import { Observable, defer, finalize } from 'rxjs';

/**
 * Opens something, gives it to `use`, and closes it once when that ends, fails or is unsubscribed; also when it is
 * unsubscribed while still opening.
 *
 * Cold. Emits what `use` emits. An error of `close` is dropped: whoever must know that closing worked (a commit) does it
 * inside `use`.
 */
export const withResource = <R, T>(
  open: () => Promise<R>,
  close: (resource: R) => Promise<unknown>,
  use: (resource: R) => Observable<T>,
): Observable<T> =>
  new Observable((subscriber) => {
    const quietly = (resource: R) => void close(resource).catch(() => undefined);
    open().then(
      (resource) => {
        if (subscriber.closed) quietly(resource);
        else
          subscriber.add(
            defer(() => use(resource))
              .pipe(finalize(() => quietly(resource)))
              .subscribe(subscriber),
          );
      },
      (error: unknown) => subscriber.error(error),
    );
  });
