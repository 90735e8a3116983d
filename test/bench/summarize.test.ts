import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Measured } from '../../bench/measure/measure-task.ts';
import { quantile } from '../../bench/report/quantile.ts';
import { summarize } from '../../bench/report/summarize.ts';

const measured = (peer: string, rounds: readonly (readonly number[])[], cpu = 0): Measured => ({
  peer,
  samples: rounds.map((seconds) => ({ seconds, cpuSeconds: { client: cpu, server: 2 * cpu } })),
  peakBytes: { client: 0, server: 0 },
});

describe('quantile', () => {
  it('lies between the values next to it, in proportion', () => {
    assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
    assert.equal(quantile([4, 1, 3, 2], 0.25), 1.75);
    assert.equal(quantile([5], 0.99), 5);
    assert.equal(quantile([3, 1], 1), 3);
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });
});

describe('a summary', () => {
  it('compares each round with ours of the same round, so that a slow spell of the machine does not count', () => {
    const ours = measured('ours', [[1], [10], [1]]);
    const theirs = measured('theirs', [[2], [20], [20]]);
    assert.equal(summarize(theirs, ours, 1000).ratio, 2);
    assert.equal(summarize(ours, ours, 1000).ratio, 1);
  });

  it('has no ratio where ours was not measured, and no rate where no content moves', () => {
    const { ratio, rate, cpuSecondsPerGB } = summarize(measured('theirs', [[1]]), undefined, 0);
    assert.deepEqual(
      { ratio, rate, cpuSecondsPerGB },
      { ratio: undefined, rate: undefined, cpuSecondsPerGB: undefined },
    );
  });

  it('shares the processor time of a sample among its acts', () => {
    const { cpuSeconds, cpuSecondsPerGB, rate } = summarize(
      measured('theirs', [[1, 1, 1, 1]], 2),
      undefined,
      500_000_000,
    );
    assert.deepEqual(cpuSeconds, { client: 0.5, server: 1 });
    assert.deepEqual(cpuSecondsPerGB, { client: 1, server: 2 });
    assert.equal(rate, 500_000_000);
  });

  it('takes the median of each further figure over the samples that have it', () => {
    const [first, second] = measured('ours', [[1], [1]]).samples;
    assert.ok(first && second);
    const samples = [
      { ...first, figures: { 'stat p99, ms': 3 } },
      { ...second, figures: { 'stat p99, ms': 5 } },
    ];
    assert.deepEqual(summarize({ ...measured('ours', []), samples }, undefined, 0).figures, { 'stat p99, ms': 4 });
  });
});
