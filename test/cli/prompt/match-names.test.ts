import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesPattern, splitPattern } from '../../../cli/prompt/match-names.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

describe('matchesPattern', () => {
  const MATCHES = [
    ['*.txt', 'a.txt'],
    ['.*', '.a'],
    ['[a-c]?', 'b1'],
    ['[!a]', 'b'],
    ['a\\*b', 'a*b'],
    ['?', 'ü'],
    ['photo (1)*.jpg', 'photo (1)b.jpg'],
    ['{a,b}*', '{a,b}'],
    ['+(a)*', '+(a)'],
    ['@x*', '@xy'],
    ['!x*', '!xy'],
    ['*|*', 'a|b'],
    ['[a', '[a'],
    ['[x]', '[x]'],
    ['a*', 'a🚰'],
  ] as const;
  for (const [pattern, name] of MATCHES)
    it(`takes ${name} for ${pattern}`, () => assert.ok(matchesPattern(pattern)(name)));

  const OTHERS = [
    ['*', '.a'],
    ['*.txt', 'a.txt.bak'],
    ['[!a]', 'a'],
    ['a\\*b', 'axb'],
    ['{a,b}*', 'a'],
    ['+(a)*', 'aaa'],
    ['!x*', 'ab'],
    ['a|b*', 'a'],
    ['*.JPG', 'a.jpg'],
    ['', 'a'],
  ] as const;
  for (const [pattern, name] of OTHERS)
    it(`does not take ${name} for ${JSON.stringify(pattern)}`, () => assert.ok(!matchesPattern(pattern)(name)));
});

describe('splitPattern', () => {
  it('parts the folder, with its slash, from the pattern for the names in it', () => {
    assert.deepEqual(splitPattern('pub/*.txt'), { folder: 'pub/', pattern: '*.txt' });
    assert.deepEqual(splitPattern('/*'), { folder: '/', pattern: '*' });
    assert.deepEqual(splitPattern('*'), { folder: '', pattern: '*' });
  });
});
