import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Semaphore } from '../../lib/streams/semaphore.ts';
import { turns } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { FileError } from '../../lib/errors/errors.ts';

checkLeaks();

/** Work that begins when it is let in, and ends when the test says so. */
const scriptedWork = (semaphore: Semaphore) => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (name: string) =>
    semaphore.run(() => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    });
  return { begun, begin, end: (name: string) => ends.get(name)?.() };
};

describe('Semaphore', () => {
  it('runs work at once while there is room, and gives what it gives', async () => {
    const { begun, begin, end } = scriptedWork(new Semaphore(2));
    const both = [begin('a'), begin('b')];
    assert.deepEqual(begun, ['a', 'b']);
    end('a');
    end('b');
    assert.deepEqual(await Promise.all(both), ['a', 'b']);
  });

  it('lets the others wait, and begin one for each that ends, in their order', async () => {
    const { begun, begin, end } = scriptedWork(new Semaphore(2));
    const all = ['a', 'b', 'c', 'd'].map(begin);
    await turns(3);
    assert.deepEqual(begun, ['a', 'b']);
    end('b');
    await turns(3);
    assert.deepEqual(begun, ['a', 'b', 'c']);
    all.push(begin('e'));
    end('a');
    await turns(3);
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    for (const name of ['c', 'd']) end(name);
    await turns(3);
    end('e');
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'c', 'd', 'e']);
  });

  it('gives the place of work that fails to the next', async () => {
    const semaphore = new Semaphore(1);
    const failing = semaphore.run(() => Promise.reject(new FileError('READ_FAILED', 'broken')));
    const next = semaphore.run(() => Promise.resolve('next'));
    await failsWith('READ_FAILED', failing);
    assert.equal(await next, 'next');
  });
});
