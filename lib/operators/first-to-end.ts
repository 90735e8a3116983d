import { Observable } from 'rxjs';

/**
 * Emits what any of its sources emits, until the first of them ends.
 *
 * Cold; subscribes them in order. Completes or errors as the first that does, and unsubscribes the others. Holds nothing:
 * all of them speak to the one subscriber, which a `merge` and a `takeUntil` would put several others between.
 *
 * @example firstToEnd(answers$, deadline$)
 */
export const firstToEnd = <T>(...sources: readonly Observable<T>[]): Observable<T> =>
  new Observable((subscriber) => {
    for (const source$ of sources) {
      if (subscriber.closed) return;
      source$.subscribe(subscriber);
    }
  });
