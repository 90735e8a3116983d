import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Valve, type ValveLimits } from '../../lib/streams/valve.ts';
import { unexpected } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** A valve and everything it has said so far. */
const watched = (limits?: ValveLimits): { valve: Valve; states: boolean[] } => {
  const valve = new Valve(limits);
  const states: boolean[] = [];
  valve.open$.subscribe({ next: (open) => states.push(open), error: unexpected });
  return { valve, states };
};

describe('Valve', () => {
  it('is open at first, and says so at once', () => assert.deepEqual(watched().states, [true]));

  it('closes when as much is held as its upper limit', () => {
    const { valve, states } = watched({ high: 10 });
    valve.hold(9);
    assert.deepEqual(states, [true]);
    valve.hold(1);
    assert.deepEqual(states, [true, false]);
  });

  it('opens again when no more is held than its lower limit', () => {
    const { valve, states } = watched({ high: 10, low: 3 });
    valve.hold(12);
    valve.release(8);
    assert.deepEqual(states, [true, false]);
    valve.release(1);
    assert.deepEqual(states, [true, false, true]);
  });

  it('opens at half of its upper limit unless told otherwise', () => {
    const { valve, states } = watched({ high: 10 });
    valve.hold(10);
    valve.release(4);
    assert.deepEqual(states, [true, false]);
    valve.release(1);
    assert.deepEqual(states, [true, false, true]);
  });

  it('holds 2 MiB unless told otherwise', () => {
    const { valve, states } = watched();
    valve.hold(2 * 1024 * 1024 - 1);
    assert.deepEqual(states, [true]);
    valve.hold(1);
    assert.deepEqual(states, [true, false]);
  });

  it('says only what changes', () => {
    const { valve, states } = watched({ high: 10, low: 5 });
    for (let times = 0; times < 5; times += 1) valve.hold(4);
    for (let times = 0; times < 5; times += 1) valve.release(4);
    assert.deepEqual(states, [true, false, true]);
  });

  it('knows how much is held', () => {
    const { valve } = watched();
    valve.hold(10);
    valve.hold(5);
    valve.release(3);
    assert.equal(valve.held, 12);
  });

  it('tells a late subscriber how it stands', () => {
    const { valve } = watched({ high: 1 });
    valve.hold(1);
    const states: boolean[] = [];
    valve.open$.subscribe({ next: (open) => states.push(open), error: unexpected });
    assert.deepEqual(states, [false]);
  });

  it('says nothing to who has unsubscribed', () => {
    const valve = new Valve({ high: 1 });
    const states: boolean[] = [];
    valve.open$.subscribe({ next: (open) => states.push(open), error: unexpected }).unsubscribe();
    valve.hold(1);
    assert.deepEqual(states, [true]);
  });

  it('stays closed while it is blocked, whatever is released', () => {
    const { valve, states } = watched({ high: 10 });
    valve.block();
    valve.hold(10);
    valve.release(10);
    assert.deepEqual(states, [true, false]);
    valve.unblock();
    assert.deepEqual(states, [true, false, true]);
  });

  it('stays closed after a block while too much is held', () => {
    const { valve, states } = watched({ high: 10, low: 5 });
    valve.hold(10);
    valve.block();
    valve.unblock();
    assert.deepEqual(states, [true, false]);
    valve.release(5);
    assert.deepEqual(states, [true, false, true]);
  });

  it('ends up closed when a source fills it in the very turn in which it opens', () => {
    const valve = new Valve({ high: 10, low: 0 });
    const states: boolean[] = [];
    valve.open$.subscribe({
      next: (open) => {
        states.push(open);
        if (open) valve.hold(10);
      },
      error: unexpected,
    });
    for (let times = 0; times < 3; times += 1) valve.release(10);
    assert.deepEqual(states, [true, false, true, false, true, false, true, false]);
  });

  it('is open below its lower limit and closed above its upper one, whatever happened before', () => {
    const steps = fc.array(fc.oneof(fc.nat(15), fc.constantFrom('release', 'block', 'unblock')), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), fc.nat(10), (taken, high, slack) => {
        const low = Math.max(0, high - 1 - slack);
        const { valve, states } = watched({ high, low });
        const held: number[] = [];
        let blocked = false;
        for (const step of taken) {
          if (typeof step === 'number') {
            held.push(step);
            valve.hold(step);
          } else if (step === 'release') {
            valve.release(held.shift() ?? 0);
          } else {
            blocked = step === 'block';
            if (blocked) valve.block();
            else valve.unblock();
          }
          const sum = held.reduce((total, amount) => total + amount, 0);
          assert.equal(valve.held, sum);
          if (blocked || sum >= high) assert.equal(states.at(-1), false);
          else if (sum <= low) assert.equal(states.at(-1), true);
        }
        assert.ok(states.every((state, index) => state !== states[index + 1]));
      }),
      { numRuns: 300 },
    );
  });
});
