import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PieceLender } from '../../lib/streams/piece-lender.ts';

describe('PieceLender', () => {
  it('lends as many bytes as it is asked for, out of pieces of one size', () => {
    const lender = new PieceLender(100);
    for (const length of [1, 99, 100]) {
      const piece = lender.lend(length);
      assert.deepEqual([piece.length, piece.buffer.byteLength], [length, 100]);
    }
  });

  it('lends no memory that is out', () => {
    const lender = new PieceLender(100);
    const [one, two] = [lender.lend(100), lender.lend(100)];
    assert.notEqual(one.buffer, two.buffer);
  });

  it('lends memory again when every byte of it is back, in whatever pieces', () => {
    const lender = new PieceLender(100);
    const piece = lender.lend(90);
    lender.takeBack(piece.subarray(50));
    lender.takeBack(piece.subarray(0, 20));
    assert.notEqual(lender.lend(100).buffer, piece.buffer);
    lender.takeBack(piece.subarray(20, 50));
    assert.equal(lender.lend(100).buffer, piece.buffer);
  });

  it('lends it with another length the next time', () => {
    const lender = new PieceLender(100);
    const short = lender.lend(10);
    lender.takeBack(short);
    const long = lender.lend(100);
    assert.equal(long.buffer, short.buffer);
    lender.takeBack(long.subarray(0, 10));
    assert.notEqual(lender.lend(100).buffer, long.buffer);
  });

  it('is not confused by memory that is not its own, or comes back twice', () => {
    const lender = new PieceLender(100);
    const foreign = Buffer.alloc(100);
    lender.takeBack(foreign);
    assert.notEqual(lender.lend(100).buffer, foreign.buffer);
    const piece = lender.lend(100);
    lender.takeBack(piece);
    lender.takeBack(piece);
    const [one, two] = [lender.lend(100), lender.lend(100)];
    assert.notEqual(one.buffer, two.buffer);
  });
});
