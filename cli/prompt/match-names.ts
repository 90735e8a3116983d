import picomatch from 'picomatch';

/** Splits `pub/*.txt` into the folder, as it was typed with its slash, and the pattern for the names in it. */
export const splitPattern = (word: string): { readonly folder: string; readonly pattern: string } => {
  const end = word.lastIndexOf('/') + 1;
  return { folder: word.slice(0, end), pattern: word.slice(end) };
};

// Everything that means something to picomatch and nothing to a shell's plain patterns.
const OTHER_SPECIALS = /[^\p{L}\p{N}\s*?[\]\\.^_-]/gu;

/**
 * A test for names by a pattern as shells have it: `*`, `?`, `[a-z]`, `[!a]`; a name with a leading dot only where the
 * pattern says so. All other characters stand for themselves.
 */
export const matchesPattern = (pattern: string): ((name: string) => boolean) => {
  if (pattern === '') return () => false;
  const plain = pattern.replaceAll('[!', '[^').replace(OTHER_SPECIALS, (character) => `\\${character}`);
  const matches = picomatch(plain, { nobrace: true, noextglob: true, noglobstar: true });
  return (name) => name === pattern || matches(name);
};
