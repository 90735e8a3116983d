import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY, NEVER, Subject, of, throwError } from 'rxjs';
import type { RemotePath } from '../../lib/protocol/path.ts';
import { Locks } from '../../lib/session/locks.ts';
import { valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const ignore = { error: () => undefined };

/** Locks paths until the function that is given back is called. */
const hold = (locks: Locks, paths: readonly RemotePath[], what = 'is being uploaded'): (() => void) => {
  const holding = locks.while(paths, what, () => NEVER).subscribe(ignore);
  return () => holding.unsubscribe();
};

const take = (locks: Locks, ...paths: RemotePath[]) => valuesOf(locks.while(paths, 'is being moved', () => of('done')));

describe('Locks', () => {
  it('tells who asks for a locked path what is going on there', async () => {
    const locks = new Locks();
    hold(locks, [['pub', 'a.iso']], 'is being uploaded');
    const refusal = { name: 'FileError', code: 'BUSY', message: '/pub/a.iso: is being uploaded' };
    assert.throws(() => locks.assertFree(['pub', 'a.iso']), refusal);
    await assert.rejects(take(locks, ['pub', 'a.iso']), refusal);
  });

  it('tells the work of the one who holds the path, not of the one who asks', async () => {
    const locks = new Locks();
    hold(locks, [['a']], 'is being deleted');
    await assert.rejects(take(locks, ['a']), { message: '/a: is being deleted' });
  });

  it('refuses everything below a locked folder, and names the folder', async () => {
    const locks = new Locks();
    hold(locks, [['pub']], 'is being removed');
    for (const path of [
      ['pub', 'a'],
      ['pub', 'a', 'b', 'c'],
    ]) {
      assert.throws(() => locks.assertFree(path), { code: 'BUSY', message: '/pub: is being removed' });
      await assert.rejects(take(locks, path), { code: 'BUSY', message: '/pub: is being removed' });
    }
  });

  it('refuses to change a folder while something below it is locked, and names that', async () => {
    const locks = new Locks();
    hold(locks, [['pub', 'deep', 'a.iso']]);
    for (const path of [['pub'], ['pub', 'deep']])
      await assert.rejects(take(locks, path), { code: 'BUSY', message: '/pub/deep/a.iso: is being uploaded' });
  });

  it('lets a folder be read while something below it is locked', () => {
    const locks = new Locks();
    hold(locks, [['pub', 'a.iso']]);
    locks.assertFree(['pub']);
    locks.assertFree([]);
  });

  it('leaves neighbours free, also those whose name begins alike', async () => {
    const locks = new Locks();
    hold(locks, [['pub', 'a']]);
    for (const path of [['pub', 'ab'], ['pub', 'b'], ['pu'], ['public'], ['pub', 'A'], ['a']]) {
      locks.assertFree(path);
      assert.deepEqual(await take(locks, path), ['done']);
    }
  });

  it('locks several paths together or none', async () => {
    const locks = new Locks();
    const free = hold(locks, [['b']]);
    await assert.rejects(take(locks, ['a'], ['b']), { code: 'BUSY' });
    assert.equal(locks.size, 1);
    locks.assertFree(['a']);
    free();
    hold(locks, [['a'], ['b']]);
    assert.equal(locks.size, 2);
    assert.throws(() => locks.assertFree(['a']), { code: 'BUSY' });
    assert.throws(() => locks.assertFree(['b']), { code: 'BUSY' });
  });

  it('does not stand in its own way when a path is named twice', async () => {
    const locks = new Locks();
    assert.deepEqual(await take(locks, ['a'], ['a'], ['a', 'b']), ['done']);
    assert.equal(locks.size, 0);
  });

  it('does not begin work that is refused', async () => {
    const locks = new Locks();
    hold(locks, [['a']]);
    let begun = false;
    await assert.rejects(valuesOf(locks.while([['a']], 'is being moved', () => ((begun = true), EMPTY))), {
      code: 'BUSY',
    });
    assert.equal(begun, false);
  });

  it('passes on what the work emits', async () =>
    assert.deepEqual(await valuesOf(new Locks().while([['a']], 'is busy', () => of(1, 2, 3))), [1, 2, 3]));

  it('frees the paths when the work completes', () => {
    const locks = new Locks();
    const work = new Subject<string>();
    locks.while([['a'], ['b']], 'is busy', () => work).subscribe(ignore);
    assert.equal(locks.size, 2);
    work.complete();
    assert.equal(locks.size, 0);
  });

  it('frees the paths when the work fails', async () => {
    const locks = new Locks();
    const failure = new Error('disk on fire');
    await assert.rejects(valuesOf(locks.while([['a']], 'is busy', () => throwError(() => failure))), failure);
    assert.equal(locks.size, 0);
  });

  it('frees the paths when the work cannot even begin', async () => {
    const locks = new Locks();
    const failure = new Error('no work today');
    const work = () => {
      throw failure;
    };
    await assert.rejects(valuesOf(locks.while([['a']], 'is busy', work)), failure);
    assert.equal(locks.size, 0);
  });

  it('frees the paths, and cancels the work, when it is unsubscribed', () => {
    const locks = new Locks();
    const work = new Subject<string>();
    const running = locks.while([['a']], 'is busy', () => work).subscribe(ignore);
    assert.equal(work.observed, true);
    running.unsubscribe();
    assert.equal(work.observed, false);
    assert.equal(locks.size, 0);
  });

  it('locks nothing before it is subscribed, and anew each time', async () => {
    const locks = new Locks();
    const twice$ = locks.while([['a']], 'is busy', () => of(1));
    assert.equal(locks.size, 0);
    assert.deepEqual(await valuesOf(twice$), [1]);
    assert.deepEqual(await valuesOf(twice$), [1]);
  });

  it('keeps what others hold when one is refused or done', async () => {
    const locks = new Locks();
    hold(locks, [['a']]);
    await assert.rejects(take(locks, ['a']), { code: 'BUSY' });
    await take(locks, ['b']);
    assert.throws(() => locks.assertFree(['a']), { code: 'BUSY' });
  });

  it('keeps the paths of work that cannot be cancelled until it has settled', async () => {
    const locks = new Locks();
    let settle: (() => void) | undefined;
    const work = () => new Promise<void>((resolve) => (settle = resolve));
    const running = locks.whileSettling([['a']], 'is being deleted', work);
    await assert.rejects(take(locks, ['a']), { code: 'BUSY' });
    settle?.();
    await running;
    assert.equal(locks.size, 0);
    const refusal = new Error('refused');
    await assert.rejects(
      locks.whileSettling([['a']], 'is busy', () => Promise.reject(refusal)),
      refusal,
    );
    assert.equal(locks.size, 0);
  });
});
