import { writeFile } from 'node:fs/promises';
import { parseOptions } from './options.ts';
import { readLastRun } from './report/last-run.ts';
import { renderPicture } from './report/render-picture.ts';
import { renderResults } from './report/render-results.ts';
import { runBench } from './run-bench.ts';

// What `npm run bench` runs: measures, prints and stores. It judges nothing; it ends with 1 only if measuring failed.

const INTERRUPTED = 130;

const options = await parseOptions(process.argv.slice(2));
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interruption.abort());

try {
  const last = await readLastRun(options.out);
  const results = await runBench(options, {
    signal: interruption.signal,
    onStep: (step) => console.error(`measuring ${step} ...`),
  });
  const json = JSON.stringify(results);
  await writeFile(options.out, `${json}\n`);
  await writeFile(options.picture, renderPicture(results));
  console.log(options.json ? json : `\n${renderResults(results, last)}`);
} catch (error) {
  if (interruption.signal.aborted) process.exitCode = INTERRUPTED;
  else {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
