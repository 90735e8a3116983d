import type { Entry } from '../protocol/entry.ts';

const REPLACEMENT = '\uFFFD';

/** Which of a folder's names led to no entry because they are not Unicode, and not because they are gone. */
export const undecodedNames = (names: readonly string[], entries: readonly Entry[]): string[] =>
  names.filter((name) => name.includes(REPLACEMENT) && !entries.some((entry) => entry.name === name));
