import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { alignBlocks } from '../../lib/operators/align-blocks.ts';
import { pattern } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const BLOCK = 64 * 1024;
const bytes = pattern(3 * BLOCK + 1000);

describe('alignBlocks', () => {
  it('passes on the same bytes in whole blocks, but for the last, however they were cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
        const passed: Buffer[] = [];
        const aligner = alignBlocks((block) => passed.push(Buffer.from(block)));
        const edges = [0, ...cuts.sort((one, other) => one - other), bytes.length];
        edges.slice(1).forEach((edge, index) => aligner.update(bytes.subarray(edges[index], edge)));
        aligner.flush();
        assert.ok(Buffer.concat(passed).equals(bytes));
        assert.ok(passed.slice(0, -1).every(({ length }) => length % BLOCK === 0));
      }),
    );
  });

  it('passes on nothing for nothing', () => {
    const aligner = alignBlocks(() => assert.fail('nothing came'));
    aligner.update(Buffer.alloc(0));
    aligner.flush();
  });
});
