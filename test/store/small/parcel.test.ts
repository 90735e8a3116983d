import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pack, unpack } from '../../../lib/store/small/parcel.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

describe('a parcel', () => {
  it('gives back what was packed: objects with bytes, without, and what is missing', () => {
    const items = [
      { name: 'one\u0000é', bytes: Buffer.from(new TextEncoder().encode('first').buffer) },
      undefined,
      { list: [1, 'two'], nothing: null },
      { bytes: Buffer.alloc(0), size: 2 ** 52 },
      { bytes: Buffer.from(Uint8Array.of(0, 255).buffer) },
    ];
    assert.deepEqual(unpack(pack(items)), items);
    assert.deepEqual(unpack(pack([])), []);
  });

  it('hands the memory of its bytes over as it is', () => {
    const bytes = Buffer.allocUnsafeSlow(10_000);
    assert.equal(pack([{ bytes }]).memory[0], bytes.buffer);
  });
});
