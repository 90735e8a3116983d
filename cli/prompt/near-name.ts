/** Whether a word is the beginning of a name, or the name with one letter wrong, missing, added or swapped. */
export const isNearName = (word: string, name: string): boolean =>
  word.length > 0 && (name.startsWith(word) || (word.length > 1 && isOneSlipAway(word, name)));

const isOneSlipAway = (word: string, name: string): boolean => {
  if (Math.abs(word.length - name.length) > 1) return false;
  let start = 0;
  while (start < word.length && word[start] === name[start]) start += 1;
  let end = 0;
  while (end < word.length - start && end < name.length - start && word.at(-1 - end) === name.at(-1 - end)) end += 1;
  const [wrong, right] = [word.slice(start, word.length - end), name.slice(start, name.length - end)];
  return (
    (wrong.length <= 1 && right.length <= 1) || (wrong.length === 2 && wrong === right.charAt(1) + right.charAt(0))
  );
};
