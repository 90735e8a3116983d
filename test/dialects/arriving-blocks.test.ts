import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArrivingBlocks, type ArrivingBlocksOptions } from '../../lib/dialects/native/arriving-blocks.ts';
import { VerificationError } from '../../lib/errors/errors.ts';
import { unexpected } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const bytes = Buffer.alloc(0);
const good = { bytes, digest: 'good' };
const broken = { bytes, digest: 'bad', broken: new VerificationError('DIGEST_MISMATCH', 'broken') };

const keeping = (options: Omit<ArrivingBlocksOptions, 'algorithm'>) => {
  const blocks = new ArrivingBlocks({ algorithm: 'sha256', ...options });
  const noted: (string | undefined)[] = [];
  blocks.digest$.subscribe({ next: (digest) => noted.push(digest), error: unexpected });
  return { blocks, noted };
};

describe('blocks that arrive', () => {
  it('are told to whoever keeps them, the broken ones as missing', () => {
    const { blocks, noted } = keeping({ mayHaveHoles: true });
    for (const block of [good, broken, good]) blocks.add(block);
    assert.deepEqual(noted, ['good', undefined, 'good']);
    assert.equal(blocks.firstHole, broken.broken);
  });

  it('end with the first that is broken where nobody keeps the others', () => {
    const blocks = new ArrivingBlocks({ algorithm: 'sha256', mayHaveHoles: true });
    blocks.add(good);
    assert.throws(() => blocks.add(broken), { code: 'DIGEST_MISMATCH' });
    assert.equal(blocks.firstHole, undefined);
  });

  it('end with the first that is broken where it could not be asked for alone', () => {
    const { blocks, noted } = keeping({ mayHaveHoles: false });
    assert.throws(() => blocks.add(broken), { code: 'DIGEST_MISMATCH' });
    assert.deepEqual(noted, []);
  });

  for (const { segments, most } of [
    { segments: 1, most: 15 },
    { segments: 3, most: 4 },
    { segments: 16, most: 0 },
  ])
    it(`of one of ${segments} segments end with one more broken than ${most}`, () => {
      const { blocks, noted } = keeping({ mayHaveHoles: true, segments });
      for (let count = 0; count < most; count += 1) blocks.add(broken);
      assert.throws(() => blocks.add(broken), { code: 'DIGEST_MISMATCH' });
      assert.equal(noted.length, most);
    });
});
