// Control, format (bidirectional overrides, zero-width), surrogate, private-use, and line and paragraph separators: what
// could move the cursor, recolour the screen, or make one name look like another.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * Text from another machine, made safe to show on a terminal: every character that is not plainly visible is written as
 * `\u{...}`. Everything remote that a person sees goes through here: names, messages, error texts.
 */
export const display = (text: string): string =>
  text.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
