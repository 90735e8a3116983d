import { EMPTY, Observable, type OperatorFunction } from 'rxjs';

/**
 * What follows the one value of the source: subscribes what `follow` makes of it when the source completes, and goes on as
 * that does. Errors as the source, and with what `follow` throws; a source that completes without a value ends it. Holds
 * nothing of the source any more while what follows it lasts, which a `mergeMap` would.
 */
export const followedBy =
  <T, R>(follow: (value: T) => Observable<R>): OperatorFunction<T, R> =>
  (source$) =>
    new Observable((subscriber) => {
      let next$: Observable<R> = EMPTY;
      const goOn = () => void next$.subscribe(subscriber);
      subscriber.add(
        source$.subscribe({
          next: (value) => {
            try {
              next$ = follow(value);
            } catch (error) {
              subscriber.error(error);
            }
          },
          error: (error: unknown) => subscriber.error(error),
          complete: goOn,
        }),
      );
    });
