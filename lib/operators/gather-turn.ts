import { Observable, type OperatorFunction, tap } from 'rxjs';

/**
 * Gathers the values of each turn of the event loop, and passes them on together when the turn is over: for work that costs
 * little more for many than for one. The last ones come before the end or the error. Holds the values of one turn.
 */
export const gatherTurn =
  <T>(): OperatorFunction<T, readonly T[]> =>
  (value$) =>
    new Observable((subscriber) => {
      let gathered: T[] = [];
      let turn: NodeJS.Immediate | undefined;
      const pass = (): void => {
        clearImmediate(turn);
        turn = undefined;
        const values = gathered;
        gathered = [];
        if (values.length > 0) subscriber.next(values);
      };
      subscriber.add(() => clearImmediate(turn));
      subscriber.add(
        value$.pipe(tap({ error: pass, complete: pass })).subscribe({
          next: (value) => {
            gathered.push(value);
            turn ??= setImmediate(pass);
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      );
    });
