import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import { summary } from './reporter.ts';

// Runs every *.test.js below this folder (or those whose path contains an argument), each file in a process of its own,
// and ends with one line: `N passed, N failed`. Finding no test is a failure. With --faults it runs those in faults/, which
// take many minutes, and no others; every other run leaves them out.

const here = import.meta.dirname;
const { values, positionals: wanted } = parseArgs({ options: { faults: { type: 'boolean' } }, allowPositionals: true });
const isWanted = (file: string) => file.startsWith('faults') === (values.faults ?? false);
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js') && isWanted(file))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .map((file) => join(here, file))
  .sort();

// A promise or observable error that nobody handles has to fail the file it happens in.
process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --unhandled-rejections=strict`;

// More at once than a small machine has cores: much of a test is waiting.
const { passed, failed } = await summary(run({ files, concurrency: 3, timeout: values.faults ? 3_600_000 : 120_000 }));
console.log(`${passed} passed, ${failed} failed`);
process.exit(passed > 0 && failed === 0 ? 0 : 1);
