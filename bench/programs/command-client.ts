import { text } from 'node:stream/consumers';
import type { ClientSide } from '../measure/peer.ts';
import type { Timing } from '../measure/sample.ts';
import { endedChildrenSeconds } from './process-tree.ts';
import { Program } from './program.ts';

const MAX_SECONDS = 600;

export interface CommandOptions {
  /** What it gets on standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly stdout: string;
  /** From its start to its end. */
  readonly seconds: number;
}

/** Runs a command to its end; rejects with its own words if it fails. */
export type RunCommand = (file: string, args: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

/** A client that is a new process for every act, or for every few: its usage is that of all of them together. */
export const commandClient = (
  signal: AbortSignal,
  act: (run: RunCommand, times: number) => Promise<Timing>,
): ClientSide => {
  let peakBytes = 0;
  const run: RunCommand = async (file, args, { input = '', env = {} } = {}) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(MAX_SECONDS * 1000)]);
    const start = performance.now();
    const program = await Program.start(file, args, { env, takesInput: true, signal: limit });
    const { stdin, stdout } = program.process;
    stdin?.end(input);
    const output = stdout === null ? '' : await text(stdout);
    await program.ended;
    const seconds = (performance.now() - start) / 1000;
    await program.close();
    peakBytes = Math.max(peakBytes, program.peakBytes);
    if (program.process.exitCode !== 0) throw new Error(`${file} failed: ${program.output}`);
    return { stdout: output, seconds };
  };
  return {
    act: (times) => act(run, times),
    usage: () => Promise.resolve({ cpuSeconds: endedChildrenSeconds(), peakBytes }),
    close: () => Promise.resolve(),
  };
};

/** Seconds of so many runs, one after the other. */
export const repeatRuns = async (times: number, runOnce: () => Promise<CommandResult>): Promise<Timing> => {
  const seconds: number[] = [];
  while (seconds.length < times) seconds.push((await runOnce()).seconds);
  return { seconds };
};
