import { OptionError } from '../../lib/index.ts';

const WORD = /(?:\\.|"[^"]*"|'[^']*'|[^\s"'\\])+|\S/gs;
const QUOTED = /\\(.)|"([^"]*)"|'([^']*)'/gs;
const COMMAND = /(?:\\.|"[^"]*"|'[^']*'|[^;"'\\]|["'\\])+/gs;

/**
 * Cuts a line into words as a shell does: blanks separate, single and double quotes and backslashes keep them in a word.
 * Throws `OPTION_INVALID` for a quote that is not closed.
 */
export const splitWords = (line: string): string[] =>
  Array.from(line.matchAll(WORD), ([word]) => {
    if (word === '"' || word === "'") throw new OptionError(`the quote ${word} is not closed`);
    return word.replace(QUOTED, (_, escaped = '', double = '', single = '') => `${escaped}${double}${single}`);
  });

/** A word as it has to be typed so that `splitWords` gives it back. */
export const quoteWord = (word: string): string => (word === '' ? '""' : word.replace(/[\s"'\\]/g, '\\$&'));

/** Cuts `put a; ls` into its commands; a semicolon in quotes or behind a backslash belongs to a word. */
export const splitCommands = (text: string): string[] => Array.from(text.matchAll(COMMAND), ([command]) => command);
