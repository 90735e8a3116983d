import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { DEADLINE_MS, SLUICE, Transcript } from './cli.ts';

/** Why there can be no pseudo-terminal here; false if there can. */
export const NO_TERMINAL: string | false =
  spawnSync('script', ['--version']).status === 0 ? false : 'the program script of util-linux is not installed';

export interface TerminalOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export const KEY = { ctrlC: '\u0003', ctrlD: '\u0004', enter: '\r', tab: '\t', up: '\u001b[A' } as const;

/** A `sluice` on a pseudo-terminal of 100 columns, as a person has it before them; hung up when the test ends. */
export class Terminal {
  /** All that came to the screen, escape sequences and all. */
  readonly screen: Transcript;
  /** Exit code of the program. */
  readonly exited: Promise<number>;
  readonly #script: ChildProcessByStdio<Writable, Readable, null>;

  constructor(test: TestContext, words: readonly string[], { cwd, env = {} }: TerminalOptions = {}) {
    const command = ['stty cols 100 rows 40; exec', process.execPath, SLUICE, ...words].map((word, index) =>
      index === 0 ? word : shellQuote(word),
    );
    this.#script = spawn('script', ['--quiet', '--flush', '--return', '--command', command.join(' '), '/dev/null'], {
      cwd,
      env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    this.screen = new Transcript(this.#script.stdout);
    this.#script.stdin.on('error', () => undefined);
    this.exited = once(this.#script, 'close').then(([code]) => Number(code ?? -1));
    test.after(() => this.close());
  }

  /** Sends keys. */
  type(text: string): void {
    this.#script.stdin.write(text);
  }

  /** Waits for something on the screen behind the match before. */
  waitFor(expected: RegExp): Promise<RegExpExecArray> {
    return this.screen.waitFor(expected);
  }

  /** Waits until the prompt asks, and sends a line. */
  async enter(line: string): Promise<void> {
    await this.waitFor(PROMPT);
    this.type(line + KEY.enter);
  }

  /** Hangs up. */
  async close(): Promise<void> {
    this.#script.kill('SIGKILL');
    await this.exited;
  }
}

/** An empty prompt, with the cursor set behind it. */
export const PROMPT = /ftp> .\[6G/;

const shellQuote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
