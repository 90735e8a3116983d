#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { createParser } from './parser.ts';
import { Reporter } from './reporter.ts';

// Node reads sockets into fresh memory, whose sum V8 takes for a reason to mark the heap step by step, again and again. This
// heap is small and marked at once in a few milliseconds: that saves two thirds of a receiver's own processor time.
setFlagsFromString('--no-incremental-marking');

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
