import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Handover } from '../../lib/streams/handover.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const KIB = Buffer.alloc(1024);

const textOf = async (handover: Handover): Promise<string> => Buffer.concat(await valuesOf(handover.bytes$)).toString();

describe('Handover', () => {
  it('holds what comes before its taker in the valve, and gives it in order', async () => {
    const valve = new Valve();
    const handover = new Handover(valve);
    handover.give(KIB);
    handover.give(Buffer.from('b'));
    assert.ok(valve.held >= 1025);
    handover.complete();
    assert.equal((await valuesOf(handover.bytes$)).length, 2);
    assert.equal(valve.held, 0);
  });

  it('passes on what comes later and holds none of it', async () => {
    const valve = new Valve();
    const handover = new Handover(valve);
    handover.give(Buffer.from('a'));
    const text = textOf(handover);
    assert.equal(valve.held, 0);
    handover.give(Buffer.from('b'));
    assert.equal(valve.held, 0);
    handover.complete();
    assert.equal(await text, 'ab');
  });

  it('tells an error to a taker, whenever it comes', async () => {
    const [before, after] = [new Handover(new Valve()), new Handover(new Valve())];
    before.error(new Error('gone'));
    await assert.rejects(textOf(before), { message: 'gone' });
    const text = textOf(after);
    after.error(new Error('gone'));
    await assert.rejects(text, { message: 'gone' });
  });

  it('lets go of everything when it is dropped, and of what comes then', () => {
    const valve = new Valve({ high: 2048 });
    const handover = new Handover(valve);
    handover.give(KIB);
    handover.give(KIB);
    assert.ok(!valve.isOpen);
    handover.drop();
    assert.ok(valve.isOpen);
    handover.give(KIB);
    assert.equal(valve.held, 0);
  });

  it('holds nothing for a taker that has left', () => {
    const valve = new Valve();
    const handover = new Handover(valve);
    handover.give(KIB);
    const taker = handover.bytes$.subscribe();
    taker.unsubscribe();
    handover.give(KIB);
    handover.complete();
    assert.equal(valve.held, 0);
  });
});
