import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Store, fromReadable } from '../../lib/index.ts';

/** The command line as it is installed, in a bundle. */
export const SLUICE = join(import.meta.dirname, '..', '..', 'bin', 'sluice.js');

/** How long a process may take, or something it has to say; for a machine that is busy. */
export const DEADLINE_MS = 20_000;

export interface CliOptions {
  readonly cwd?: string;
  /** What the process reads from standard input, which ends behind it. @default nothing */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** A file or device that standard output goes to, in place of the test. */
  readonly output?: string;
}

export interface CliResult {
  /** Exit code; 128 and the signal's number where a signal ended the process, as shells say it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Text that comes bit by bit, and can be waited for. */
export class Transcript {
  text = '';
  #read = 0;
  #changed: () => void = () => undefined;
  #isOver = false;

  constructor(...streams: readonly Readable[]) {
    for (const stream of streams)
      stream.setEncoding('utf8').on('data', (piece: string) => {
        this.text += piece;
        this.#changed();
      });
    void Promise.allSettled(streams.map((stream) => once(stream, 'close'))).then(() => {
      this.#isOver = true;
      this.#changed();
    });
  }

  /** Waits for a match behind the one before; fails with the whole text if there is none in time. */
  async waitFor(expected: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const found = expected.exec(this.text.slice(this.#read));
      if (found !== null) {
        this.#read += found.index + found[0].length;
        return found;
      }
      if (this.#isOver || performance.now() > deadline)
        assert.fail(`no ${String(expected)} behind character ${this.#read} of ${JSON.stringify(this.text)}`);
      await this.#change(deadline - performance.now());
    }
  }

  async #change(waitMs: number): Promise<void> {
    const timer = new AbortController();
    const changed = new Promise<void>((resolve) => (this.#changed = resolve));
    await Promise.race([changed, sleep(waitMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }
}

/** A `sluice` that runs as a process of its own; killed when the test ends. */
export class CliProcess {
  readonly stdout: Transcript;
  readonly stderr: Transcript;
  readonly exited: Promise<CliResult>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(test: TestContext, words: readonly string[], { cwd, env = {}, output }: CliOptions = {}) {
    const command = [process.execPath, SLUICE, ...words];
    const shell = output === undefined ? [] : ['/bin/sh', '-c', `exec "$@" >${output}`, 'sh'];
    const [program = '', ...rest] = [...shell, ...command];
    this.#child = spawn(program, rest, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    this.stdout = new Transcript(this.#child.stdout);
    this.stderr = new Transcript(this.#child.stderr);
    // A process that has left reads no more: what it did not read is its own affair.
    this.#child.stdin.on('error', () => undefined);
    this.exited = once(this.#child, 'close').then(([code, signal]) => ({
      code: typeof code === 'number' ? code : 128 + (SIGNALS[String(signal)] ?? 0),
      stdout: this.stdout.text,
      stderr: this.stderr.text,
    }));
    test.after(async () => {
      this.#child.kill('SIGKILL');
      await this.exited;
    });
  }

  write(text: string | Buffer): void {
    this.#child.stdin.write(text);
  }

  /** Ends standard input. */
  end(text: string | Buffer = ''): void {
    this.#child.stdin.end(text);
  }

  kill(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Reads no more of standard output, as a pager that nobody scrolls. */
  holdOutput(): void {
    this.#child.stdout.pause();
  }

  /** Goes away as the reader of standard output. */
  closeOutput(): void {
    this.#child.stdout.destroy();
  }
}

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Runs `sluice` to its end. */
export const runCli = (test: TestContext, words: readonly string[], options: CliOptions = {}): Promise<CliResult> => {
  const cli = new CliProcess(test, words, options);
  cli.end(options.input);
  return cli.exited;
};

/** The objects of `--json` output; fails unless each line is one. */
export const jsonLines = (text: string): Record<string, unknown>[] => {
  assert.match(text, /^(.+\n)*$/);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const value: unknown = JSON.parse(line);
      assert.ok(typeof value === 'object' && value !== null, line);
      return value as Record<string, unknown>;
    });
};

/** Asserts that a command failed with an exit code, and said so in one line with the error's code in it. */
export const assertFailed = ({ code, stdout, stderr }: CliResult, exitCode: number, errorCode: string): void => {
  assert.equal(code, exitCode, stderr);
  assert.match(stderr, /^sluice: [^\n]+\n$/);
  assert.ok(stderr.endsWith(` [${errorCode}]\n`), stderr);
  assert.equal(stdout, '');
};

const DRIP_BYTES = 16_384;
const DRIP_PAUSE_MS = 5;
// Fits on any disk, and drips for more than a minute.
const DRIPPING_SIZE = 2 ** 28;

/** A store whose files, once they are opened, drip: a transfer that is not over before it is cancelled. */
export const drippingStore = (store: Store): Store => ({
  list: (path) => store.list(path),
  stat: (path) => store.stat(path),
  open: async (path) => {
    const file = await store.open(path);
    const content = (start = 0, end = DRIPPING_SIZE) => fromReadable(Readable.from(drips(end - start)));
    return { entry: { ...file.entry, size: DRIPPING_SIZE }, content, close: () => file.close() };
  },
  begin: (path, options) => store.begin(path, options),
  remove: (path) => store.remove(path),
  makeFolder: (path) => store.makeFolder(path),
  removeFolder: (path, options) => store.removeFolder(path, options),
  move: (from, to) => store.move(from, to),
  space: () => store.space(),
});

async function* drips(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= DRIP_BYTES) {
    await sleep(DRIP_PAUSE_MS);
    yield Buffer.alloc(Math.min(DRIP_BYTES, left));
  }
}
