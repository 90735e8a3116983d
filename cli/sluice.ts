#!/usr/bin/env node
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { createParser } from './parser.ts';
import { Reporter } from './reporter.ts';

const words = process.argv.slice(2);

// The reader of our output may leave before us (`sluice ls ... | head`): that is its right, and the end of our work.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  process.stderr.write(`sluice: cannot write to standard output: ${error.message}\n`);
  process.exit(EXIT.localFile);
});

try {
  await createParser(words).parseAsync();
} catch (error) {
  // Standard output may be carrying a file: an error does not belong in it.
  const out = /^(get|download)$/.test(words[0] ?? '') && words.includes('-') ? process.stderr : process.stdout;
  new Reporter({ json: words.includes('--json') }, out).error(error);
  process.exitCode ??= exitCodeOf(error);
}
