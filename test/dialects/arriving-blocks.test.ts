import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { ArrivingBlocks, Gaps } from '../../lib/dialects/native/arriving-blocks.ts';
import { type SluiceError, VerificationError } from '../../lib/errors/errors.ts';
import { unexpected } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const BROKEN = new VerificationError('DIGEST_MISMATCH', 'broken');

const good = { bytes: Buffer.alloc(0), digest: 'good', isLast: false };
const broken = { ...good, digest: 'bad', broken: BROKEN };
const lastBroken = { ...broken, isLast: true };

const kept = (gaps?: Gaps) => {
  const blocks = new ArrivingBlocks('sha256', gaps);
  const noted: (string | SluiceError)[] = [];
  blocks.withHoles$.subscribe({ next: (digest) => noted.push(digest), error: unexpected });
  return { blocks, noted };
};

const endOf = ({ end$ }: ArrivingBlocks): Promise<void> => lastValueFrom(end$, { defaultValue: undefined });

describe('blocks that arrive', () => {
  it('are told to whoever keeps them, and for those that are broken why', async () => {
    const { blocks, noted } = kept(new Gaps());
    for (const block of [good, broken, good]) blocks.add(block);
    assert.deepEqual(noted, ['good', BROKEN, 'good']);
    await failsWith('DIGEST_MISMATCH', endOf(blocks));
  });

  it('end well where none is broken', async () => {
    const { blocks } = kept(new Gaps());
    blocks.add(good);
    await endOf(blocks);
  });

  it('end with the first that is broken where nobody keeps the others without it', () => {
    const blocks = new ArrivingBlocks('sha256', new Gaps());
    const noted: string[] = [];
    blocks.digest$.subscribe({ next: (digest) => noted.push(digest), error: unexpected });
    blocks.add(good);
    assert.throws(() => blocks.add(broken), BROKEN);
    assert.deepEqual(noted, ['good']);
  });

  it('end with the first that is broken where it could not be asked for alone', () => {
    const { blocks, noted } = kept();
    assert.throws(() => blocks.add(broken), BROKEN);
    assert.deepEqual(noted, []);
  });

  for (const { segments, most } of [
    { segments: 1, most: 15 },
    { segments: 4, most: 12 },
    { segments: 16, most: 0 },
  ])
    it(`of ${segments} segments end where more than ${most} of them would leave more gaps than can be asked for`, () => {
      const gaps = new Gaps(segments);
      const all = Array.from({ length: segments }, () => kept(gaps).blocks);
      for (let count = 0; count < most; count += 1) all[count % segments]?.add(broken);
      assert.throws(() => all[0]?.add(broken), BROKEN);
    });

  it('leave no gap behind the last of a segment, so that there may be one in each of sixteen', async () => {
    const gaps = new Gaps(16);
    const ends = Array.from({ length: 16 }, () => {
      const { blocks } = kept(gaps);
      blocks.add(lastBroken);
      return failsWith('DIGEST_MISMATCH', endOf(blocks));
    });
    await Promise.all(ends);
  });

  it('of one segment fail only when the others have come to their ends', async () => {
    const gaps = new Gaps(2);
    const [one, other] = [kept(gaps).blocks, kept(gaps).blocks];
    one.add(lastBroken);
    let failed = false;
    const failing = failsWith('DIGEST_MISMATCH', endOf(one)).then(() => (failed = true));
    await Promise.resolve();
    assert.equal(failed, false);
    await endOf(other);
    await failing;
  });
});
