import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pack, unpack } from '../../../lib/store/small/parcel.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

describe('a parcel', () => {
  it('gives back what was packed: objects with bytes, without, and what is missing', () => {
    const items = [
      { name: 'one\u0000é', bytes: Buffer.from('first') },
      undefined,
      { list: [1, 'two'], nothing: null },
      { bytes: Buffer.alloc(0), size: 2 ** 52 },
      { bytes: Buffer.from([0, 255]) },
    ];
    assert.deepEqual(unpack(pack(items)), items);
    assert.deepEqual(unpack(pack([])), []);
  });

  it('holds no memory but that of its bytes, whatever these are views of', () => {
    const bytes = Buffer.alloc(10_000).subarray(100, 103);
    assert.equal(pack([{ bytes }]).memory.byteLength, 3);
  });
});
