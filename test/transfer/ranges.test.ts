import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import type { ContentRange } from '../../lib/store/checkpoint.ts';
import { besideRanges, isInRanges, missingRanges, planRanges } from '../../lib/transfer/ranges.ts';

// Ranges in blocks, as people count.
const blocks = (...ranges: readonly (readonly [number, number])[]): ContentRange[] =>
  ranges.map(([from, to]) => ({ offset: from * BLOCK_BYTES, end: to * BLOCK_BYTES }));

const SIZE = 12 * BLOCK_BYTES;

const checkpoint = (...ranges: readonly (readonly [number, number])[]) => ({
  size: SIZE,
  modified: 0,
  algorithm: 'sha256' as const,
  runs: blocks(...ranges).map((range) => ({ ...range, digest: '' })),
});

/** Runs of blocks that do not touch, and a content around them. */
const anyThere = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })), { maxLength: 20 })
  .chain((steps) => {
    let at = 0;
    const runs = steps.map(([gap, length]) => ({ offset: (at += gap), end: (at += length) }));
    const rest = fc.integer({ min: 0, max: 3 * BLOCK_BYTES });
    return rest.map((bytes) => ({
      size: at * BLOCK_BYTES + bytes,
      runs: runs.map(({ offset, end }) => ({ offset: offset * BLOCK_BYTES, end: end * BLOCK_BYTES, digest: '' })),
    }));
  });

describe('missingRanges', () => {
  it('are all that is in no run', () => {
    assert.deepEqual(missingRanges(SIZE, []), blocks([0, 12]));
    assert.deepEqual(missingRanges(SIZE, blocks([0, 12])), []);
    assert.deepEqual(missingRanges(SIZE, blocks([0, 2], [5, 6])), blocks([2, 5], [6, 12]));
    assert.deepEqual(missingRanges(SIZE, blocks([3, 12])), blocks([0, 3]));
    assert.deepEqual(missingRanges(0, []), []);
  });
});

describe('planRanges', () => {
  it('divides what is missing in about equal ranges of whole blocks', () => {
    assert.deepEqual(planRanges(blocks([0, 12]), 1), blocks([0, 12]));
    assert.deepEqual(planRanges(blocks([0, 12]), 3), blocks([0, 4], [4, 8], [8, 12]));
    assert.deepEqual(planRanges(blocks([0, 12]), 5), blocks([0, 2], [2, 4], [4, 7], [7, 9], [9, 12]));
  });

  it('divides the largest of several places first', () => {
    assert.deepEqual(planRanges(blocks([0, 1], [2, 12]), 3), blocks([0, 1], [2, 7], [7, 12]));
  });

  it('gives no more ranges than there are blocks, the last one with what is over', () => {
    const [first, last] = [
      { offset: 0, end: BLOCK_BYTES },
      { offset: BLOCK_BYTES, end: BLOCK_BYTES + 1 },
    ];
    assert.deepEqual(planRanges([{ offset: 0, end: BLOCK_BYTES + 1 }], 16), [first, last]);
    assert.deepEqual(planRanges([], 16), []);
  });

  it('joins the places that are nearest where there are too many', () => {
    assert.deepEqual(planRanges(blocks([0, 1], [5, 6], [7, 8], [11, 12]), 2), blocks([0, 1], [5, 12]));
    assert.deepEqual(planRanges(blocks([0, 1], [5, 6], [7, 8], [11, 12]), 1), blocks([0, 12]));
  });

  it('makes a whole content with what stays beside it, whatever is there', () => {
    fc.assert(
      fc.property(anyThere, fc.integer({ min: 1, max: 16 }), ({ size, runs }, count) => {
        const ranges = planRanges(missingRanges(size, runs), count);
        assert.ok(ranges.length <= count);
        const have = { size, modified: 0, algorithm: 'sha256' as const, runs };
        const beside = besideRanges(have, ranges, size)?.runs ?? [];
        assert.ok(beside.every((run) => runs.some(({ offset, end }) => offset === run.offset && end === run.end)));
      }),
    );
  });
});

describe('besideRanges', () => {
  it('is what is there and does not come again', () => {
    assert.deepEqual(besideRanges(checkpoint([0, 2], [5, 12]), blocks([2, 5]), SIZE), checkpoint([0, 2], [5, 12]));
    assert.deepEqual(besideRanges(checkpoint([0, 2], [5, 6]), blocks([2, 12]), SIZE), checkpoint([0, 2]));
    assert.equal(besideRanges(checkpoint([5, 6]), blocks([0, 12]), SIZE), undefined);
    assert.equal(besideRanges(undefined, blocks([0, 5], [5, 12]), SIZE), undefined);
    assert.deepEqual(besideRanges(checkpoint([0, 12]), [], SIZE), checkpoint([0, 12]));
  });

  const WRONG: Readonly<Record<string, readonly [ReturnType<typeof checkpoint> | undefined, ContentRange[]]>> = {
    'a hole': [checkpoint([0, 2]), blocks([3, 12])],
    'an overlap': [undefined, blocks([0, 5], [4, 12])],
    'an overlap with what is there': [checkpoint([0, 2]), blocks([1, 12])],
    'too little': [undefined, blocks([0, 11])],
    'too much': [undefined, blocks([0, 13])],
    'an empty range': [undefined, blocks([0, 5], [5, 5], [5, 12])],
    'a range that ends before it begins': [undefined, blocks([0, 5], [5, 3], [5, 12])],
    'a range off the grid': [
      undefined,
      [
        { offset: 0, end: 1 },
        { offset: 1, end: SIZE },
      ],
    ],
    'nothing at all': [undefined, []],
  };
  for (const [what, [there, ranges]] of Object.entries(WRONG))
    it(`refuses ${what}`, () => {
      assert.throws(() => besideRanges(there, ranges, SIZE), { code: 'OFFSET_MISMATCH' });
    });
});

describe('isInRanges', () => {
  it('is what does not come from one place on to its end', () => {
    assert.equal(isInRanges([], SIZE), false);
    assert.equal(isInRanges(blocks([3, 12]), SIZE), false);
    assert.equal(isInRanges(blocks([3, 11]), SIZE), true);
    assert.equal(isInRanges(blocks([0, 6], [6, 12]), SIZE), true);
  });
});
