import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Subject, concat, from, mergeMap, of, throwError, timer } from 'rxjs';
import { type LoggedEvent, sumUp } from '../../cli/sum-up.ts';
import { ConnectionError, type ServerEvent } from '../../lib/index.ts';
import { unexpected } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { marbles } from '../helpers/marbles.ts';

checkLeaks();

const error = new ConnectionError('TOKEN_INVALID', 'a stranger');

const strangers = (count: number, address = '192.0.2.1'): ServerEvent[] =>
  Array.from({ length: count }, () => ({ type: 'turned-away', address, error }));

/** What is logged of events that come together, in virtual time. */
const loggedOf = (...groups: readonly (readonly ServerEvent[])[]): string[] => {
  const logged: string[] = [];
  const note = ({ event, more }: LoggedEvent) =>
    logged.push(`${event.type} ${'address' in event ? event.address : '-'} ${more}`);
  marbles(({ flush }) => {
    const event$ = concat(...groups.map((events) => timer(1100).pipe(mergeMap(() => from(events)))));
    event$.pipe(sumUp()).subscribe({ next: note, error: unexpected });
    flush();
  });
  return logged;
};

const ONE = 'turned-away 192.0.2.1 0';
const TEN = Array.from({ length: 10 }, () => ONE);

describe('what is logged of a flood', () => {
  it('is ten lines of a kind a second, and one that counts the others', () => {
    assert.deepEqual(loggedOf(strangers(10)), TEN);
    assert.deepEqual(loggedOf(strangers(11)), [...TEN, ONE]);
    assert.deepEqual(loggedOf(strangers(1245)), [...TEN, 'turned-away 192.0.2.1 1234']);
  });

  it('begins anew each second', () => {
    assert.deepEqual(loggedOf(strangers(12), strangers(3)), [...TEN, 'turned-away 192.0.2.1 1', ONE, ONE, ONE]);
  });

  it('is told apart by address and by what happened, so that a flood hides nothing else', () => {
    const opened: ServerEvent = { type: 'session-opened', session: 1, address: '192.0.2.1' };
    const other = strangers(1, '192.0.2.2');
    assert.deepEqual(loggedOf([...strangers(500), opened, ...other]), [
      ...TEN,
      'session-opened 192.0.2.1 0',
      'turned-away 192.0.2.2 0',
      'turned-away 192.0.2.1 489',
    ]);
  });

  it('is bounded from many addresses too', () => {
    const many = Array.from({ length: 5000 }, (_, index) => strangers(1, `2001:db8::${index}`)).flat();
    const logged = loggedOf(many);
    assert.equal(logged.length, 100 + 10 + 1);
    assert.equal(logged.at(-1), 'turned-away 2001:db8::4999 4889');
  });

  it('is told before the end of the server, good or bad, and waits for nothing then', () => {
    for (const isGood of [true, false]) {
      const seen: string[] = [];
      const end$ = isGood ? of() : throwError(() => error);
      concat(from(strangers(12)), end$)
        .pipe(sumUp())
        .subscribe({
          next: ({ more }) => seen.push(String(more)),
          error: () => seen.push('error'),
          complete: () => seen.push('complete'),
        });
      assert.deepEqual(seen.slice(10), ['1', isGood ? 'complete' : 'error']);
    }
  });

  it('leaves no timer when nobody wants it any more', () => {
    const event$ = new Subject<ServerEvent>();
    const logging = event$.pipe(sumUp()).subscribe({ error: unexpected });
    for (const event of strangers(12)) event$.next(event);
    logging.unsubscribe();
    assert.equal(event$.observed, false);
  });
});
