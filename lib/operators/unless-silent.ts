import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

/**
 * Passes everything on, and errors with what `makeError` makes when nothing came for so many milliseconds. One timer, which
 * each value sets anew; rxjs's `timeout` makes another one for each.
 */
export const unlessSilent =
  <T>(milliseconds: number, makeError: () => unknown): MonoTypeOperatorFunction<T> =>
  (source$) =>
    new Observable((subscriber) => {
      const silence = setTimeout(() => subscriber.error(makeError()), milliseconds);
      subscriber.add(() => clearTimeout(silence));
      subscriber.add(
        source$.subscribe({
          next: (value) => {
            silence.refresh();
            subscriber.next(value);
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      );
    });
