import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toNothing } from '../../lib/streams/to-nothing.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { BYTES, marbles } from '../helpers/marbles.ts';

checkLeaks();

describe('toNothing', () => {
  const check = (name: string, source: string, expected: string, subscription: string, unsubscription?: string) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const valve = new Valve();
        const source$ = cold(source, BYTES);
        expectObservable(source$.pipe(toNothing()(valve)), unsubscription ?? null).toBe(expected, {
          a: { bytes: 3 },
          b: { bytes: 7 },
        });
        expectSubscriptions(source$.subscriptions).toBe(subscription);
        assert.equal(valve.held, 0);
      }),
    );

  check('waits for a source that never says anything', '-', '-', '^');
  check('completes with an empty source', '--|', '--|', '^-!');
  check('tells how many bytes it has taken after each chunk', '-a-b-|', '-a-b-|', '^----!');
  check('passes the error of the source on', '-a-#', '-a-#', '^--!');
  check('leaves the source when it is unsubscribed', '-a-b|', '-a-', '^-!', '^-!');
});
