import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { quoteWord, splitCommands, splitWords } from '../../../cli/prompt/words.ts';
import { checkLeaks } from '../../helpers/leak-check.ts';

checkLeaks();

const anyName = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '"', "'", '\\', ';', '#', '-', 'a', '\u2028') }),
);

describe('splitWords', () => {
  for (const [line, words] of [
    ['', []],
    ['   ', []],
    ['ls', ['ls']],
    ['  get  a \t b  ', ['get', 'a', 'b']],
    ['get "a b" c', ['get', 'a b', 'c']],
    ["get 'a b' c", ['get', 'a b', 'c']],
    ['get a\\ b', ['get', 'a b']],
    ['get a" b "c', ['get', 'a b c']],
    [`get "it's"`, ['get', "it's"]],
    [`get 'say "hi"'`, ['get', 'say "hi"']],
    ['get \\"a\\"', ['get', '"a"']],
    ['get "C:\\x"', ['get', 'C:\\x']],
    ['get ""', ['get', '']],
    ['get a\\\\b', ['get', 'a\\b']],
    ['get Größe 🚰', ['get', 'Größe', '🚰']],
    ['put a;b', ['put', 'a;b']],
  ] as const)
    it(`cuts ${JSON.stringify(line)}`, () => assert.deepEqual(splitWords(line), words));

  for (const line of ['get "a', "get 'a b", 'get a"b', "it's", '"', 'get "a" \'b'])
    it(`refuses ${JSON.stringify(line)}, whose quote is not closed`, () =>
      assert.throws(() => splitWords(line), { code: 'OPTION_INVALID', message: /the quote ["'] is not closed/ }));
});

describe('quoteWord', () => {
  it('leaves plain words as they are', () => {
    for (const word of ['a.txt', 'pub/', '-x', 'Größe', '🚰']) assert.equal(quoteWord(word), word);
  });

  it('makes words that splitWords gives back, whatever is in them', () =>
    fc.assert(
      fc.property(fc.array(anyName, { maxLength: 4 }), (words) =>
        assert.deepEqual(splitWords(words.map(quoteWord).join(' ')), words),
      ),
    ));
});

describe('splitCommands', () => {
  for (const [text, commands] of [
    ['', []],
    ['ls', ['ls']],
    ['put a; ls', ['put a', ' ls']],
    [';;ls;', ['ls']],
    ['put "a;b"; ls', ['put "a;b"', ' ls']],
    ["put 'a;b'; ls", ["put 'a;b'", ' ls']],
    ['put a\\;b; ls', ['put a\\;b', ' ls']],
    ['put a\\\\; ls', ['put a\\\\', ' ls']],
  ] as const)
    it(`cuts ${JSON.stringify(text)}`, () => assert.deepEqual(splitCommands(text), commands));

  it('keeps a quote that is not closed for the command to complain about', () => {
    assert.throws(() => splitCommands('get "a').map(splitWords), { code: 'OPTION_INVALID' });
    assert.throws(() => splitCommands("get it's; ls").map(splitWords), { code: 'OPTION_INVALID' });
  });
});
