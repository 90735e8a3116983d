import { describe, it } from 'node:test';
import { followedBy } from '../../lib/operators/followed-by.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { marbles } from '../helpers/marbles.ts';

checkLeaks();

interface Case {
  readonly source: string;
  readonly next?: string;
  readonly expected: string;
  readonly subscriptions: readonly [source: string, next: string | string[]];
  readonly unsubscription?: string;
}

describe('followedBy', () => {
  const check = (name: string, { source, next = '-', expected, subscriptions, unsubscription }: Case) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source$ = cold(source);
        const next$ = cold(next);
        const follow = (value: string) => {
          if (value === 'x') throw new Error('not with this');
          return next$;
        };
        const error = new Error('not with this');
        expectObservable(source$.pipe(followedBy(follow)), unsubscription ?? null).toBe(
          expected,
          undefined,
          source.includes('x') ? error : undefined,
        );
        expectSubscriptions(source$.subscriptions).toBe(subscriptions[0]);
        expectSubscriptions(next$.subscriptions).toBe(subscriptions[1]);
      }),
    );

  check('goes on, behind the source, as what follows it', {
    source: '-v-|',
    next: '-a-b-|',
    expected: '----a-b-|',
    subscriptions: ['^--!', '---^----!'],
  });
  check('begins nothing where the source does not complete', {
    source: '-v-#',
    expected: '---#',
    subscriptions: ['^--!', []],
  });
  check('ends with a source without a value', { source: '---|', expected: '---|', subscriptions: ['^--!', []] });
  check('errors with what follows', {
    source: '(v|)',
    next: '-#',
    expected: '-#',
    subscriptions: ['(^!)', '^!'],
  });
  check('errors with what is thrown about the value, and leaves the source', {
    source: '-x-|',
    expected: '-#',
    subscriptions: ['^!', []],
  });
  check('leaves the source when it is unsubscribed', {
    source: '-v---|',
    expected: '---',
    unsubscription: '---!',
    subscriptions: ['^--!', []],
  });
  check('leaves what follows when it is unsubscribed', {
    source: '-v|',
    next: '-a-----',
    expected: '---a--',
    unsubscription: '-----!',
    subscriptions: ['^-!', '--^--!'],
  });
});
