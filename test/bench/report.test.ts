import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Measured } from '../../bench/measure/measure-task.ts';
import { lastSeconds, readLastRun } from '../../bench/report/last-run.ts';
import { renderPicture } from '../../bench/report/render-picture.ts';
import { renderResults } from '../../bench/report/render-results.ts';
import { type Cell, RESULTS_FORMAT, type Results } from '../../bench/report/results.ts';
import { summarize } from '../../bench/report/summarize.ts';
import { temporaryFolder } from '../helpers/folder.ts';

const cellOf = (seconds: Readonly<Record<string, number>>): Cell => {
  const all = Object.entries(seconds).map(([peer, one]): Measured => ({
    peer,
    samples: [{ seconds: [one], cpuSeconds: { client: 0, server: 0 } }],
    peakBytes: { client: 0, server: 0 },
  }));
  const ours = all.find(({ peer }) => peer === 'sluice');
  const peers = all.map((one) => ({ ...one, summary: summarize(one, ours, 1_000_000) }));
  return {
    mode: 'download-from-memory',
    label: '1 <MiB>',
    times: 1,
    peers,
    failed: [{ peer: 'rsync', reason: 'no way' }],
  };
};

const resultsOf = (cell: Cell): Results => ({
  format: RESULTS_FORMAT,
  began: '2026-01-01T00:00:00.000Z',
  machine: { processors: '2 × any', memory: '1 GB', platform: 'any', node: 'v20' },
  folder: '/anywhere',
  repeats: 1,
  fsync: false,
  cells: [cell],
  leftOut: [{ peer: 'lftp-vsftpd', reason: 'lftp is not installed' }],
});

describe('the picture', () => {
  it('sets ours beside the fastest other program, and iperf3 is none', () => {
    const svg = renderPicture(resultsOf(cellOf({ sluice: 2, slow: 8, fast: 4, iperf3: 1 })));
    assert.match(svg, />× 2\.00 fast</);
    assert.doesNotMatch(svg, /slow<|iperf3/);
    assert.equal(svg.match(/class="faster"/g)?.length, 1);
  });

  it('is well-formed whatever the names are', () => {
    assert.match(renderPicture(resultsOf(cellOf({ sluice: 2, 'a<b&c': 1 }))), /1 &lt;MiB>.*[\s\S]*a&lt;b&amp;c/);
  });

  it('has no bar where nothing stands beside ours', () => {
    assert.doesNotMatch(renderPicture(resultsOf(cellOf({ sluice: 2, iperf3: 1 }))), /class="(faster|slower)"\/>/);
  });
});

describe('the table', () => {
  it('says how we do beside each row, and what failed or was left out', () => {
    const table = renderResults(resultsOf(cellOf({ sluice: 2, other: 8 })), undefined);
    assert.match(table, /other +8\.00 s .*× 4\.00/);
    assert.match(table, /rsync: FAILED, no way/);
    assert.match(table, /Left out: lftp-vsftpd, lftp is not installed/);
  });

  it('compares with the last run', () => {
    const last = resultsOf(cellOf({ sluice: 3 }));
    assert.match(renderResults(resultsOf(cellOf({ sluice: 2 })), last), /sluice .*× 1\.50$/m);
  });
});

describe('the last run', () => {
  it('is nothing where the file is missing, broken or of another format', async (test) => {
    const file = join(await temporaryFolder(test), 'results.json');
    assert.equal(await readLastRun(file), undefined);
    for (const text of ['{', 'null', '{"format":1,"cells":[]}']) {
      await writeFile(file, text);
      assert.equal(await readLastRun(file), undefined, text);
    }
  });

  it('is found by mode, amount and name', async (test) => {
    const file = join(await temporaryFolder(test), 'results.json');
    const cell = cellOf({ sluice: 3 });
    await writeFile(file, JSON.stringify(resultsOf(cell)));
    const last = await readLastRun(file);
    assert.equal(lastSeconds(last, cell, 'sluice'), 3);
    assert.equal(lastSeconds(last, { ...cell, label: '2 MiB' }, 'sluice'), undefined);
    assert.equal(lastSeconds(last, cell, 'other'), undefined);
  });
});
