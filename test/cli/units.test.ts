import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatBytes, formatDuration, formatRate, formatSeconds } from '../../cli/units.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('formatDuration', () => {
  for (const [seconds, text] of [
    [0, '0:00'],
    [0.2, '0:01'],
    [1, '0:01'],
    [59, '0:59'],
    [59.01, '1:00'],
    [245, '4:05'],
    [3599.5, '1:00:00'],
    [3723, '1:02:03'],
    [360_000, '100:00:00'],
  ] as const)
    it(`writes ${seconds} seconds as ${text}`, () => assert.equal(formatDuration(seconds), text));
});

describe('formatSeconds', () => {
  for (const [seconds, text] of [
    [0, '0 ms'],
    [0.016, '16 ms'],
    [0.9994, '999 ms'],
    [1, '1.0 s'],
    [1.24, '1.2 s'],
    [9.94, '9.9 s'],
    [45, '45 s'],
  ] as const)
    it(`writes ${seconds} seconds as ${text}`, () => assert.equal(formatSeconds(seconds), text));
});

describe('formatBytes and formatRate', () => {
  it('write amounts with units of a thousand', () => {
    assert.deepEqual([0, 999, 1000, 1_070_000_000].map(formatBytes), ['0 B', '999 B', '1 kB', '1.07 GB']);
    assert.deepEqual([0, 120_000_000].map(formatRate), ['0 B/s', '120 MB/s']);
  });
});
