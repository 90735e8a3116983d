import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../lib/streams/turns.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const turnEnds = () => new Promise((resolve) => setImmediate(resolve));

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
    await turnEnds();
    assert.deepEqual(done, ['a', 'b']);
    turns.take(long(done, 'd'));
    await turnEnds();
    await turnEnds();
    assert.deepEqual(done, ['a', 'b', 'c', 'd']);
  });

  it('lets others come in between', async () => {
    const turns = new Turns({ budgetMs: 1 });
    const done: string[] = [];
    turns.take(long(done, 'a'));
    turns.take(long(done, 'b'));
    setImmediate(() => done.push('other'));
    turns.take(long(done, 'c'));
    for (let turn = 0; turn < 3; turn += 1) await turnEnds();
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
    await turnEnds();
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
    for (let turn = 0; turn < 3; turn += 1) await turnEnds();
    assert.deepEqual(done, ['a1', 'a2', 'b1']);
  });
});
