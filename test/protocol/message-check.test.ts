import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertChecked, assertUnchanged, withCheck } from '../../lib/protocol/message-check.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const MESSAGE = JSON.stringify({ type: 'delete', id: 7, path: ['a file', 'naïve'] });

describe('the check of a message', () => {
  it('is a CRC-32 of all that stands before it, as its last field', () => {
    // As cksum of other programs have it: the checksum of "123456789" is cbf43926.
    assert.equal(withCheck('123456789}'), '123456789,"check":"cbf43926"}');
    const checked = Buffer.from(withCheck(MESSAGE));
    const { check, ...rest } = JSON.parse(checked.toString()) as Record<string, unknown>;
    assert.deepEqual(rest, JSON.parse(MESSAGE));
    assert.match(String(check), /^[0-9a-f]{8}$/);
    assert.equal(assertUnchanged(checked), true);
  });

  it('finds every flipped bit where a check is due, and every one in the message itself where it is not', () => {
    const checked = Buffer.from(withCheck(MESSAGE));
    const isOfMessage = (bit: number) => bit < 8 * (MESSAGE.length - 1);
    for (let bit = 0; bit < checked.length * 8; bit += 1) {
      const garbled = Buffer.from(checked);
      garbled.writeUInt8(garbled.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.throws(() => assertChecked(garbled), { code: 'DIGEST_MISMATCH' });
      if (isOfMessage(bit)) assert.throws(() => assertUnchanged(garbled), { code: 'DIGEST_MISMATCH' });
    }
  });

  it('is missing from a message that is cut, and from one that never had it', () => {
    const checked = Buffer.from(withCheck(MESSAGE));
    for (const without of [checked.subarray(0, -1), Buffer.from(MESSAGE), Buffer.alloc(0)]) {
      assert.equal(assertUnchanged(without), false);
      assert.throws(() => assertChecked(without), { code: 'DIGEST_MISMATCH' });
    }
  });
});
