import { type Interface, createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { concatMap, filter, fromEvent, lastValueFrom, map, noop, take, takeUntil, tap } from 'rxjs';
import { EXIT } from '../exit-codes.ts';
import type { Reporter } from '../reporter.ts';
import { completeLine } from './completer.ts';
import { readHistory, writeHistory } from './history.ts';
import { LineRunner } from './line-runner.ts';
import type { PromptSession } from './prompt-session.ts';
import { splitCommands } from './words.ts';

const PROMPT = 'ftp> ';

/** Runs the commands of a text like `put a; ls`, each whatever became of the one before. Gives the exit code. */
export const runCommands = async (text: string, session: PromptSession, reporter: Reporter): Promise<number> => {
  const runner = new LineRunner(session, reporter);
  return cancellable(runner, noop, async () => {
    for (const command of splitCommands(text)) await runner.run(command);
    return runner.exitCode;
  });
};

/** Runs the lines of a pipe or file, to its end or a `quit`. Gives the exit code. */
export const runPipe = async (input: Readable, session: PromptSession, reporter: Reporter): Promise<number> => {
  const runner = new LineRunner(session, reporter);
  const lines = createInterface({ input, crlfDelay: Infinity });
  let isInterrupted = false;
  const leave = () => {
    isInterrupted = true;
    lines.close();
  };
  try {
    return await cancellable(runner, leave, async () => {
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
    terminal.prompt(true);
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
    // Typed while a transfer runs, this one word is not a line for later.
    filter((line) => line.trim().toLowerCase() !== 'abort' || !runner.cancel()),
    concatMap(async (line) => {
      await runner.run(line);
      if (runner.isLeaving) terminal.close();
      else terminal.prompt();
    }),
    takeUntil(closed$),
  );
  await lastValueFrom(lines$, { defaultValue: undefined });
  terminal.close();
  return exitCode;
};

/** Lets Ctrl-C cancel the running command, and leave where none runs. */
const cancellable = async (runner: LineRunner, leave: () => void, work: () => Promise<number>): Promise<number> => {
  const interrupt = () => {
    if (!runner.cancel()) leave();
  };
  process.on('SIGINT', interrupt);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupt);
  }
};

const abandonLine = (terminal: Interface): void => {
  process.stdout.write('^C\n');
  terminal.write(null, { ctrl: true, name: 'e' });
  terminal.write(null, { ctrl: true, name: 'u' });
  terminal.prompt();
};
