import type { Reporter } from '../reporter.ts';
import type { PromptSession } from './prompt-session.ts';

/** What a command at the prompt has to work with. */
export interface PromptContext {
  readonly session: PromptSession;
  readonly reporter: Reporter;
  /** Aborted by Ctrl-C, or by the word `abort`, while the command runs. */
  readonly signal: AbortSignal;
  /** Ends the prompt after this command. */
  readonly leave: () => void;
}

export interface PromptCommand {
  /** The name that help shows, and its other ones. */
  readonly names: readonly [string, ...string[]];
  /** Arguments as help shows them. */
  readonly usage: string;
  readonly describe: string;
  /** Least and most number of arguments, flags aside. */
  readonly arity: readonly [number, number];
  /** What may stand before the arguments, each meaning the same wherever it is taken. @default none */
  readonly flags?: readonly PromptFlag[];
  /** What Tab offers for each argument; the last one stands for those behind it too. */
  readonly completes?: readonly ('remote' | 'local')[];
  run(words: readonly string[], context: PromptContext, flags: ReadonlySet<string>): Promise<void> | void;
}

/** `-r`: folders with all that is in them; `-p`: keep modified time and permissions. */
export type PromptFlag = '-r' | '-p';

/** Parts the words behind a command's name into its flags and its arguments; a `--` ends the flags. */
export const partFlags = (
  words: readonly string[],
  { flags: known = [] }: Pick<PromptCommand, 'flags'>,
): { readonly flags: ReadonlySet<string>; readonly names: readonly string[] } => {
  const isFlag = (word: string) => known.some((flag) => flag === word);
  const first = words.findIndex((word) => !isFlag(word));
  const count = first < 0 ? words.length : first;
  const rest = words.slice(count);
  return { flags: new Set(words.slice(0, count)), names: rest[0] === '--' ? rest.slice(1) : rest };
};
