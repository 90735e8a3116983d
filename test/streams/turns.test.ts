import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../lib/streams/turns.ts';
import { turns as loopTurns } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** Work that takes longer than a budget of 1 ms, and notes that it was done. */
const long = (done: string[], name: string) => () => {
  for (const end = performance.now() + 2; performance.now() < end;);
  done.push(name);
};

describe('Turns', () => {
  it('does work at once while there is little of it', () => {
    const turns = new Turns({ budgetMs: 1000 });
    const done: string[] = [];
    for (const name of ['a', 'b', 'c']) turns.take(() => done.push(name));
    assert.deepEqual(done, ['a', 'b', 'c']);
  });

  it('lets what is beyond the budget wait for the next turns, in order', async () => {
    const turns = new Turns({ budgetMs: 1 });
    const done: string[] = [];
    for (const name of ['a', 'b', 'c']) turns.take(long(done, name));
    assert.deepEqual(done, ['a']);
    await loopTurns(1);
    assert.deepEqual(done, ['a', 'b']);
    turns.take(long(done, 'd'));
    await loopTurns(1);
    await loopTurns(1);
    assert.deepEqual(done, ['a', 'b', 'c', 'd']);
  });

  it('lets others come in between', async () => {
    const turns = new Turns({ budgetMs: 1 });
    const done: string[] = [];
    turns.take(long(done, 'a'));
    turns.take(long(done, 'b'));
    setImmediate(() => done.push('other'));
    turns.take(long(done, 'c'));
    await loopTurns(3);
    assert.deepEqual(done, ['a', 'b', 'other', 'c']);
  });

  it('goes on behind work that throws', async () => {
    const turns = new Turns({ budgetMs: 1000 });
    const done: string[] = [];
    assert.throws(() =>
      turns.take(() => {
        throw new Error('broken');
      }),
    );
    turns.take(() => done.push('next'));
    await loopTurns(1);
    assert.deepEqual(done, ['next']);
  });

  it('takes work that asks for the next piece behind that of others', async () => {
    const turns = new Turns({ budgetMs: 1 });
    const done: string[] = [];
    turns.take(() => {
      long(done, 'a1')();
      turns.take(long(done, 'a2'));
    });
    turns.take(long(done, 'b1'));
    await loopTurns(3);
    assert.deepEqual(done, ['a1', 'a2', 'b1']);
  });
});
