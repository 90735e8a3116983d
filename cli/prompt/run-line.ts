import { OptionError } from '../../lib/index.ts';
import { type PromptContext, partFlags } from './prompt-command.ts';
import { findCommand } from './prompt-commands.ts';
import { splitWords } from './words.ts';

/** Runs one line of the prompt; an empty line, or one that begins with `#`, does nothing. Throws what went wrong. */
export const runLine = async (line: string, context: PromptContext): Promise<void> => {
  if (line.trim() === '' || line.trimStart().startsWith('#')) return;
  const [word = '', ...words] = splitWords(line);
  const command = findCommand(word);
  const { flags, names } = partFlags(words, command);
  const [least, most] = command.arity;
  if (names.length < least || names.length > most)
    throw new OptionError(`usage: ${command.names[0]} ${command.usage}`.trimEnd() + blanksHint(names.length > most));
  await command.run(names, context, flags);
};

const blanksHint = (tooMany: boolean): string => (tooMany ? ' (put a name with blanks in quotes)' : '');
