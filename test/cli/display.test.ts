import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { display } from '../../cli/display.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('display', () => {
  for (const { name, text, shown } of [
    { name: 'an escape sequence', text: 'a\u001b[31mred', shown: 'a\\u{1b}[31mred' },
    { name: 'a title sequence with a bell', text: '\u001b]0;x\u0007', shown: '\\u{1b}]0;x\\u{7}' },
    { name: 'a newline', text: 'one\ntwo', shown: 'one\\u{a}two' },
    { name: 'a carriage return', text: 'one\rtwo', shown: 'one\\u{d}two' },
    { name: 'a tab, a backspace and a NUL', text: '\t\b\0', shown: '\\u{9}\\u{8}\\u{0}' },
    { name: 'DEL', text: '\u007f', shown: '\\u{7f}' },
    { name: 'a C1 control sequence introducer', text: '\u009b2J', shown: '\\u{9b}2J' },
    { name: 'bidirectional overrides', text: 'gnp\u202etxt\u2066', shown: 'gnp\\u{202e}txt\\u{2066}' },
    { name: 'zero-width characters', text: 'a\u200bb\u200dc\ufeff', shown: 'a\\u{200b}b\\u{200d}c\\u{feff}' },
    { name: 'a soft hyphen', text: 'a\u00adb', shown: 'a\\u{ad}b' },
    { name: 'line and paragraph separators', text: '\u2028\u2029', shown: '\\u{2028}\\u{2029}' },
    { name: 'half a surrogate pair', text: 'a\ud800b', shown: 'a\\u{d800}b' },
    { name: 'private-use characters', text: '\ue000\u{f0000}', shown: '\\u{e000}\\u{f0000}' },
    { name: 'invisible tag characters', text: '\u{e0041}', shown: '\\u{e0041}' },
  ])
    it(`escapes ${name}`, () => assert.equal(display(text), shown));

  for (const text of ['', 'plain name.txt', 'Größe', '日本語', 'עברית', '🚰 sluice', 'a\\b', 'it\'s "quoted"'])
    it(`leaves ${JSON.stringify(text)} as it is`, () => assert.equal(display(text), text));

  it('lets nothing through that moves a cursor, whatever the text', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(display(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    ));
});
