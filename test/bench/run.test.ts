import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, describe, it } from 'node:test';
import type { Results } from '../../bench/report/results.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const program = join(import.meta.dirname, '..', '..', 'bench', 'run.js');

const startBench = async (test: TestContext, ...args: readonly string[]) => {
  const folder = await temporaryFolder(test);
  const files = join(folder, 'files');
  await mkdir(files);
  const out = join(folder, 'results.json');
  const picture = join(folder, 'results.svg');
  const outputs = ['--dir', files, '--out', out, '--picture', picture];
  const bench = spawn(process.execPath, [program, '--quick', '--sizes', '4KiB', ...outputs, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { bench, files, out, picture };
};

describe('the bench', () => {
  it('measures files and trees, and leaves nothing but its results', async (test) => {
    const modes = ['upload-to-nothing', 'download-from-memory', 'upload-tree', 'download-tree', 'downloads-at-once'];
    const { bench, files, out, picture } = await startBench(
      test,
      '--repeats',
      '1',
      '--peers',
      'sluice',
      '--modes',
      ...modes,
    );
    const [stdout, stderr] = await Promise.all([text(bench.stdout), text(bench.stderr), once(bench, 'close')]);
    assert.equal(bench.exitCode, 0, stderr);
    assert.match(stdout, /upload of a tree/);
    const { cells } = JSON.parse(await readFile(out, 'utf8')) as Results;
    assert.deepEqual(cells.map(({ mode }) => mode).sort(), modes.sort());
    for (const { mode, peers, failed } of cells) {
      assert.deepEqual(failed, [], mode);
      assert.equal(peers.length, 1, mode);
    }
    assert.match(await readFile(picture, 'utf8'), /^<svg/);
    assert.deepEqual(await readdir(files), []);
  });

  it('ends at Ctrl-C with what it had started and written', async (test) => {
    const { bench, files } = await startBench(test, '--modes', 'sessions', '--repeats', '1000', '--peers', 'sluice');
    await once(bench.stderr, 'data');
    bench.kill('SIGINT');
    await Promise.all([text(bench.stdout), text(bench.stderr), once(bench, 'close')]);
    assert.equal(bench.exitCode, 130);
    assert.deepEqual(await readdir(files), []);
  });
});
