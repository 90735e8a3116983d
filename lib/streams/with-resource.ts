import { Observable, defer } from 'rxjs';

/**
 * Opens something, gives it to `use`, and closes it once when that ends, fails or is unsubscribed; also when it is
 * unsubscribed while still opening.
 *
 * Cold. Emits what `use` emits; its end and its error are told when the resource is closed, so that whoever hears of
 * them may open it again. An error of `close` is dropped: whoever must know that closing worked (a commit) does it
 * inside `use`.
 */
export const withResource = <R, T>(
  open: () => Promise<R>,
  close: (resource: R) => Promise<unknown>,
  use: (resource: R) => Observable<T>,
): Observable<T> =>
  new Observable((subscriber) => {
    const quietly = async (resource: R): Promise<void> => {
      await close(resource).catch(() => undefined);
    };
    open().then(
      (resource) => {
        if (subscriber.closed) return void quietly(resource);
        let isClosed = false;
        const closeOnce = async (): Promise<void> => {
          if (isClosed) return;
          isClosed = true;
          await quietly(resource);
        };
        const using = defer(() => use(resource)).subscribe({
          next: (value) => subscriber.next(value),
          error: (error: unknown) => void closeOnce().then(() => subscriber.error(error)),
          complete: () => void closeOnce().then(() => subscriber.complete()),
        });
        subscriber.add(using);
        subscriber.add(() => void closeOnce());
      },
      (error: unknown) => subscriber.error(error),
    );
  });
