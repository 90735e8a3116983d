import { describe, it } from 'node:test';
import { EMPTY } from 'rxjs';
import { firstToEnd } from '../../lib/operators/first-to-end.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { marbles } from '../helpers/marbles.ts';

checkLeaks();

interface Case {
  readonly one: string;
  readonly other: string;
  readonly expected: string;
  readonly subscriptions: readonly [one: string, other: string];
  readonly unsubscription?: string;
}

describe('firstToEnd', () => {
  const check = (name: string, { one, other, expected, subscriptions, unsubscription }: Case) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const one$ = cold(one);
        const other$ = cold(other);
        expectObservable(firstToEnd(one$, other$), unsubscription ?? null).toBe(expected);
        expectSubscriptions(one$.subscriptions).toBe(subscriptions[0]);
        expectSubscriptions(other$.subscriptions).toBe(subscriptions[1]);
      }),
    );

  check('waits where nothing happens', { one: '-', other: '-', expected: '-', subscriptions: ['^', '^'] });
  check('emits what each source emits', {
    one: '-a--c',
    other: '--b--',
    expected: '-ab-c',
    subscriptions: ['^', '^'],
  });
  check('completes with the first that does, and leaves the others', {
    one: '-a---c',
    other: '--b|',
    expected: '-ab|',
    subscriptions: ['^--!', '^--!'],
  });
  check('errors with the first that does, and leaves the others', {
    one: '-a-#',
    other: '--b--d',
    expected: '-ab#',
    subscriptions: ['^--!', '^--!'],
  });
  check('leaves all when it is left', {
    one: '-a--a',
    other: '--b--b',
    expected: '-ab',
    subscriptions: ['^--!', '^--!'],
    unsubscription: '^--!',
  });

  it('begins nothing behind one that ends at once', () =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const other$ = cold('-a');
      expectObservable(firstToEnd(EMPTY, other$)).toBe('|');
      expectSubscriptions(other$.subscriptions).toBe([]);
    }));
});
