import { Observable, of } from 'rxjs';

/**
 * The items of an async iterable, taken one by one and only while `open$` says so, which is always if it is not there.
 *
 * Cold. Unsubscribing ends the iteration after the item that is under way. Errors with what the iterable throws. rxjs's `from`
 * needs up to twice the time for it, because it is compiled for engines without `await`.
 */
export const fromPull = <T>(items: AsyncIterable<T>, open$: Observable<boolean> = of(true)): Observable<T> =>
  new Observable((subscriber) => {
    const iterator = items[Symbol.asyncIterator]();
    let open = false;
    let pulling = false;
    const pull = async (): Promise<void> => {
      if (pulling) return;
      pulling = true;
      try {
        while (open && !subscriber.closed) {
          const result = await iterator.next();
          if (result.done === true) return subscriber.complete();
          subscriber.next(result.value);
        }
      } catch (error) {
        subscriber.error(error);
      } finally {
        pulling = false;
      }
    };
    const gate = open$.subscribe({
      next: (isOpen) => {
        open = isOpen;
        if (open) void pull();
      },
      error: (error: unknown) => subscriber.error(error),
    });
    return () => {
      gate.unsubscribe();
      iterator.return?.().catch(() => undefined);
    };
  });
