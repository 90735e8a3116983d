import { type MonoTypeOperatorFunction, Observable, tap } from 'rxjs';

/**
 * Passes on the last value of each turn of the event loop, when the turn is over, and at once each one that `matters`: for
 * sums that change faster than anybody looks. The last value comes before the end or the error. Holds one value.
 */
export const latestOfTurn =
  <T>(matters: (value: T) => boolean): MonoTypeOperatorFunction<T> =>
  (value$) =>
    new Observable((subscriber) => {
      let latest: { readonly value: T } | undefined;
      let turn: NodeJS.Immediate | undefined;
      const pass = (): void => {
        clearImmediate(turn);
        turn = undefined;
        if (latest === undefined) return;
        const { value } = latest;
        latest = undefined;
        subscriber.next(value);
      };
      subscriber.add(() => clearImmediate(turn));
      subscriber.add(
        value$.pipe(tap({ error: pass, complete: pass })).subscribe({
          next: (value) => {
            latest = { value };
            if (matters(value)) pass();
            else turn ??= setImmediate(pass);
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      );
    });
