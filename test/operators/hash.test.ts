import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY, from, lastValueFrom } from 'rxjs';
import { createDigest } from '../../lib/operators/digest.ts';
import { hash } from '../../lib/operators/hash.ts';
import { valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { marbles, passesBytesOn } from '../helpers/marbles.ts';

checkLeaks();

describe('hash', () => {
  passesBytesOn(() => hash(createDigest('sha256')));

  it('feeds every chunk that passes to the digest', async () => {
    const digest = createDigest('sha256');
    await lastValueFrom(from([Buffer.from('a'), Buffer.from('bc')]).pipe(hash(digest)));
    assert.equal(digest.finish(), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('leaves the digest of nothing when nothing passes', async () => {
    const digest = createDigest('sha256');
    await valuesOf(EMPTY.pipe(hash(digest)));
    assert.equal(digest.finish(), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('passes the very chunks on, not copies', async () => {
    const chunks = [Buffer.from('a'), Buffer.from('b')];
    const passed = await valuesOf(from(chunks).pipe(hash(createDigest('sha256'))));
    passed.forEach((chunk, index) => assert.equal(chunk, chunks[index]));
  });

  it('errors when the digest does, and leaves the source', () =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const update = () => {
        throw 'broken digest';
      };
      const source$ = cold('-a-b|', { a: Buffer.from('a'), b: Buffer.from('b') });
      const out$ = source$.pipe(hash({ name: 'sha256', update, finish: () => '' }));
      expectObservable(out$).toBe('-#', {}, 'broken digest');
      expectSubscriptions(source$.subscriptions).toBe('^!');
    }));
});
