import yargs, { type Argv } from 'yargs';
import { OptionError, VERSION } from '../lib/index.ts';
import { connectCommand } from './commands/connect.ts';
import { getCommand } from './commands/get.ts';
import { hashCommand } from './commands/hash.ts';
import { lsCommand } from './commands/ls.ts';
import { mkdirCommand } from './commands/mkdir.ts';
import { mvCommand } from './commands/mv.ts';
import { putCommand } from './commands/put.ts';
import { rmCommand } from './commands/rm.ts';
import { rmdirCommand } from './commands/rmdir.ts';
import { serveCommand } from './commands/serve.ts';
import { statCommand } from './commands/stat.ts';
import { tryCommand } from './commands/try.ts';
import { STANDARD_STREAM } from './standard-stream.ts';

/** The command line of `sluice`. Mistakes in it are thrown as `OPTION_INVALID`, not printed. */
export const createParser = (words: readonly string[]): Argv =>
  yargs(plainWords(words))
    .scriptName('sluice')
    .usage('$0 <command>\n\nMoves files between machines: verified, atomic, at the speed of the link.')
    .command(serveCommand)
    .command(connectCommand)
    .command(getCommand)
    .command(putCommand)
    .command(lsCommand)
    .command(statCommand)
    .command(hashCommand)
    .command(rmCommand)
    .command(mkdirCommand)
    .command(rmdirCommand)
    .command(mvCommand)
    .command(tryCommand)
    .demandCommand(1, 'say what to do')
    .strict()
    .version(VERSION)
    .help()
    .alias({ h: 'help', V: 'version' })
    .wrap(process.stdout.isTTY ? Math.min(100, process.stdout.columns) : 100)
    .recommendCommands()
    .completion('completion', 'print a script for shell completion')
    .check(assertPlainFlags)
    .fail((message: string | null, error: Error) => {
      throw message === null || error instanceof OptionError ? error : usageError(message, words);
    })
    .exitProcess(false);

// Flags that may stand more than once, because yargs gathers positional words under such a name.
const LISTS: ReadonlySet<string> = new Set(['_', 'names', 'listen']);

/** yargs makes a list of a flag that is given twice, and NaN of a number that is none. */
const assertPlainFlags = (flags: object): true => {
  for (const [name, value] of Object.entries(flags) as [string, unknown][]) {
    if (Array.isArray(value) && !LISTS.has(name)) throw new OptionError(`--${name} is given more than once`);
    if (Number.isNaN(value)) throw new OptionError(`--${name} must be a number`);
  }
  return true;
};

const usageError = (message: string, words: readonly string[]): OptionError => {
  const text = message.replace(/\s+/g, ' ');
  const [, hint] = /^Did you mean (.*)/.exec(text) ?? [];
  const typed = words.find((word) => !word.startsWith('-')) ?? '';
  const what = hint === undefined ? text : `unknown command "${typed}": did you mean ${hint}`;
  return new OptionError(`${what} (see sluice --help)`);
};

/**
 * Words as yargs can take them: it loses a lone `-`, and finds no positional arguments behind `--`. Names that begin with
 * a dash are files of this machine, which `./` names just as well.
 */
const plainWords = (words: readonly string[]): string[] => {
  const end = words.indexOf('--');
  const flags = end < 0 ? words : words.slice(0, end);
  const names = end < 0 ? [] : words.slice(end + 1).map((word) => (/^-./.test(word) ? `./${word}` : word));
  return [...flags, ...names].map((word) => (word === '-' ? STANDARD_STREAM : word));
};
