import { currentUsage } from './current-usage.ts';

/** The functions that a worker process offers to the bench, by name; each takes one argument. */
export type Calls = Readonly<Record<string, (argument: never) => unknown>>;

/** One call on its way to a worker. */
export interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  /** Why the call failed, for people. */
  readonly error?: string;
}

/**
 * Answers the bench's calls, one message each, for the rest of this process. `usage` is answered by every worker. The
 * process ends when the bench lets go of it or is gone.
 */
export const answerCalls = (calls: Calls): void => {
  const known: Calls = { ...calls, usage: currentUsage };
  const perform = async ({ id, name, argument }: Call): Promise<Answer> => {
    try {
      return { id, value: await known[name]?.(argument as never) };
    } catch (error) {
      return { id, error: error instanceof Error ? error.message : String(error) };
    }
  };
  process.on('message', (call: Call) => void perform(call).then((answer) => process.send?.(answer)));
  process.on('disconnect', () => process.exit());
};
