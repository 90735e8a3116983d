import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Subject, from } from 'rxjs';
import { joinInTurn } from '../../lib/operators/join-in-turn.ts';
import { turns, unexpected, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { passesBytesOn } from '../helpers/marbles.ts';

checkLeaks();

const textsOf = (...chunks: readonly string[]) => chunks.map((text) => Buffer.from(text));

/** What comes out of a subject that passes through. */
const start = (most: number) => {
  const source$ = new Subject<Buffer>();
  const seen: string[] = [];
  const subscription = source$.pipe(joinInTurn(most)).subscribe({
    next: (chunk) => seen.push(chunk.toString()),
    error: () => seen.push('error'),
    complete: () => seen.push('end'),
  });
  const give = (...texts: readonly string[]) => textsOf(...texts).forEach((chunk) => source$.next(chunk));
  return { source$, seen, subscription, give };
};

describe('joinInTurn', () => {
  passesBytesOn(() => joinInTurn(1));

  it('joins the chunks of one turn, those of its promises among them', async () => {
    const { give, seen } = start(100);
    give('a', 'b');
    await Promise.resolve();
    give('c');
    assert.deepEqual(seen, []);
    await turns(1);
    assert.deepEqual(seen, ['abc']);
    give('d');
    await turns(1);
    assert.deepEqual(seen, ['abc', 'd']);
  });

  it('passes what it has as soon as that is enough', () => {
    const { give, seen } = start(4);
    give('abc', 'def', 'g');
    assert.deepEqual(seen, ['abcdef']);
  });

  it('passes a large chunk as it is, behind what came before it', () => {
    const { source$, give, seen } = start(4);
    give('ab');
    const large = Buffer.from('large');
    const passed: Buffer[] = [];
    source$.pipe(joinInTurn(4)).subscribe({ next: (chunk) => passed.push(chunk), error: unexpected });
    source$.next(large);
    assert.deepEqual(seen, ['ab', 'large']);
    assert.equal(passed[0], large);
  });

  it('passes what it has before the end, and before an error', async () => {
    const values = (await valuesOf(from(textsOf('a', 'b')).pipe(joinInTurn(100)))).map(String);
    assert.deepEqual(values, ['ab']);
    const { source$, give, seen } = start(100);
    give('a');
    source$.error(new Error('broken'));
    assert.deepEqual(seen, ['a', 'error']);
  });

  it('passes nothing any more to one who has gone', async () => {
    const { give, seen, subscription } = start(100);
    give('a');
    subscription.unsubscribe();
    await turns(1);
    assert.deepEqual(seen, []);
  });
});
