import { type Interface, createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { concatMap, filter, fromEvent, lastValueFrom, map, take, takeUntil, tap } from 'rxjs';
import { EXIT } from '../exit-codes.ts';
import type { Reporter } from '../reporter.ts';
import { completeLine } from './completer.ts';
import { readHistory, writeHistory } from './history.ts';
import { jobLine } from './jobs.ts';
import { LineRunner } from './line-runner.ts';
import type { PromptSession } from './prompt-session.ts';
import { splitCommands } from './words.ts';

const PROMPT = 'ftp> ';

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs the commands of a text like `put a; ls`, each whatever became of the one before; Ctrl-C ends them all. Gives the
 * exit code.
 */
export const runCommands = async (text: string, session: PromptSession, reporter: Reporter): Promise<number> => {
  const runner = new LineRunner(session, reporter);
  const commands = splitCommands(text);
  const drop = () => {
    runner.cancel();
    commands.length = 0;
  };
  return withInterrupt(drop, async () => {
    for (let command = commands.shift(); command !== undefined; command = commands.shift()) await runner.run(command);
    return runner.exitCode;
  });
};

/** Runs the lines of a pipe or file, to its end or a `quit`. Gives the exit code. */
export const runPipe = async (input: Readable, session: PromptSession, reporter: Reporter): Promise<number> => {
  const runner = new LineRunner(session, reporter);
  const lines = createInterface({ input, crlfDelay: Infinity });
  let isInterrupted = false;
  const interrupt = (signal: NodeJS.Signals) => {
    // Ctrl-C means the line that runs, if one does; the others mean the whole program.
    if (runner.cancel() && signal === 'SIGINT') return;
    isInterrupted = true;
    lines.close();
  };
  try {
    return await withInterrupt(interrupt, async () => {
      for await (const line of lines) {
        await runner.run(line);
        if (runner.isLeaving) break;
      }
      return isInterrupted ? EXIT.interrupted : runner.exitCode;
    });
  } finally {
    // A pipe whose writer stays would keep the process alive.
    input.destroy();
  }
};

/** Asks for lines on a terminal until the user leaves. Gives the exit code. */
export const runTerminal = async (session: PromptSession, reporter: Reporter): Promise<number> => {
  const runner = new LineRunner(session, reporter);
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    prompt: PROMPT,
    history: readHistory(),
    removeHistoryDuplicates: true,
    completer: (line: string) => completeLine(line, session),
  });
  let exitCode: number = EXIT.done;
  session.onNotice = (text) => {
    process.stdout.write(`\r\u001b[K${text}\n`);
    if (!runner.isRunning) terminal.prompt(true);
  };
  terminal.on('history', writeHistory);
  terminal.on('SIGINT', () => {
    if (runner.cancel()) return;
    if (terminal.line !== '') return abandonLine(terminal);
    exitCode = EXIT.interrupted;
    terminal.close();
  });
  terminal.prompt();

  const closed$ = fromEvent(terminal, 'close').pipe(
    tap(() => runner.cancel()),
    take(1),
  );
  const lines$ = fromEvent(terminal, 'line').pipe(
    map(String),
    // Typed while a transfer runs, these words are not lines for later.
    filter((line) => {
      const word = line.trim().toLowerCase();
      if (word === 'abort') return !runner.cancel();
      return word !== 'jobs' || !runner.isRunning || !tellJobs(session);
    }),
    concatMap(async (line) => {
      await runner.run(line);
      if (runner.isLeaving) terminal.close();
      else terminal.prompt();
    }),
    takeUntil(closed$),
  );
  // On a terminal Ctrl-C is a key; a signal means that somebody, or the window, ends us.
  const end = () => {
    exitCode = EXIT.interrupted;
    terminal.close();
  };
  return withInterrupt(end, async () => {
    await lastValueFrom(lines$, { defaultValue: undefined });
    terminal.close();
    return exitCode;
  });
};

/** Says which transfers there are, beside the command that runs. */
const tellJobs = ({ jobs, onNotice }: PromptSession): boolean => {
  for (const job of jobs.all) onNotice(jobLine(job));
  return true;
};

/** Does something while Ctrl-C, and the other signals that ask a program to end, are answered by `interrupt`. */
const withInterrupt = async (
  interrupt: (signal: NodeJS.Signals) => void,
  work: () => Promise<number>,
): Promise<number> => {
  for (const signal of END_SIGNALS) process.on(signal, interrupt);
  try {
    return await work();
  } finally {
    for (const signal of END_SIGNALS) process.off(signal, interrupt);
  }
};

const abandonLine = (terminal: Interface): void => {
  process.stdout.write('^C\n');
  terminal.write(null, { ctrl: true, name: 'e' });
  terminal.write(null, { ctrl: true, name: 'u' });
  terminal.prompt();
};
