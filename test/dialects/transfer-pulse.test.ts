import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Liveness } from '../../lib/dialects/native/liveness.ts';
import { TransferPulse } from '../../lib/dialects/native/transfer-pulse.ts';
import { unexpected } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** A pulse and how often it has told of a rest so far, looked at every millisecond. */
const startPulse = (count: number) => {
  const pulse = new TransferPulse(new Liveness({ quietMs: 60_000, stallMs: 60_000 }), {
    quietMs: 1,
    stallMs: 60_000,
    restMs: 60_000,
  });
  const partOf = pulse.inParts(count);
  return { pulse, parts: Array.from({ length: count }, (_, index) => partOf(index)) };
};

/** Whether the peer would be told within some looks that the content rests here. */
const restsHere = (pulse: TransferPulse): Promise<boolean> =>
  new Promise((resolve) => {
    const telling = pulse.rest$.subscribe({ next: () => end(true), error: unexpected });
    const late = setTimeout(() => end(false), 20);
    const end = (rests: boolean) => {
      clearTimeout(late);
      telling.unsubscribe();
      resolve(rests);
    };
  });

describe('the pulse of a content in parts', () => {
  it('rests here while any part does that has not ended', async () => {
    const { pulse, parts } = startPulse(2);
    const [one, other] = parts;
    assert.equal(await restsHere(pulse), false);
    one?.restsHereWhile(() => false);
    other?.restsHereWhile(() => true);
    assert.equal(await restsHere(pulse), true);
    other?.ended(true);
    assert.equal(await restsHere(pulse), false);
    one?.restsHereWhile(() => true);
    assert.equal(await restsHere(pulse), true);
  });

  it('is whose the work behind the last part is, when all have ended', async () => {
    for (const isHere of [true, false]) {
      const { pulse, parts } = startPulse(2);
      for (const part of parts) {
        part.restsHereWhile(() => !isHere);
        part.ended(isHere);
      }
      assert.equal(await restsHere(pulse), isHere);
    }
  });
});
