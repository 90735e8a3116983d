import assert from 'node:assert/strict';
import { join, sep } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  MAX_SEGMENTS,
  MAX_SEGMENT_BYTES,
  PART_PREFIX,
  checkPath,
  checkSegment,
  formatPath,
  resolvePath,
} from '../../lib/protocol/path.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const HOSTILE: Readonly<Record<string, string>> = {
  'an empty name': '',
  'the folder itself': '.',
  'the folder above': '..',
  'a slash': '/',
  'an absolute path': '/etc/passwd',
  'a path of two': 'a/b',
  'a climb in the middle': 'a/../../b',
  'a trailing slash': 'a/',
  'a backslash': '\\',
  'a climb with backslashes': '..\\..\\secret',
  'a drive path': 'C:\\windows',
  'a NUL': '\0',
  'a NUL that hides an ending': 'image.png\0.sh',
  'a line feed': 'a\nb',
  'a carriage return': 'a\rb',
  'a tab': 'a\tb',
  'an escape sequence': '\u001b[2J',
  'the delete character': 'a\u007f',
  'a C1 control': 'a\u0085b',
  'a C1 escape': '\u009b31m',
  'a line separator': 'a\u2028b',
  'a paragraph separator': 'a\u2029b',
  'one byte too many': 'x'.repeat(MAX_SEGMENT_BYTES + 1),
  'too many bytes in few characters': 'ü'.repeat(128),
  'a high surrogate alone': 'a\ud800',
  'a low surrogate alone': '\udc00b',
  'surrogates in the wrong order': '\udc00\ud800',
  'the name of an unfinished transfer': `${PART_PREFIX}0011223344556677`,
  'the bare prefix of unfinished transfers': PART_PREFIX,
};

const FINE = [
  'a',
  'a b',
  ' ',
  '...',
  '..a',
  'a..',
  '.hidden',
  '-rf',
  '~',
  '$HOME',
  '*',
  'C:',
  'CON',
  '%2e%2e%2f',
  'naïve',
  '日本語',
  '😀',
  '.sluice-part',
  'x.sluice-part-1',
  'x'.repeat(MAX_SEGMENT_BYTES),
  `${'ü'.repeat(127)}x`,
];

describe('checkPath', () => {
  for (const [name, segment] of Object.entries(HOSTILE))
    it(`refuses ${name}, at any place`, () => {
      for (const path of [[segment], [segment, 'b'], ['a', segment], ['a', segment, 'b']])
        assert.throws(() => checkPath(path), { name: 'FileError', code: 'PATH_INVALID' });
    });

  for (const segment of FINE)
    it(`accepts ${JSON.stringify(segment.slice(0, 20))}`, () =>
      assert.deepEqual(checkPath(['folder', segment]), ['folder', segment]));

  it('accepts the root', () => assert.deepEqual(checkPath([]), []));

  it('accepts as many segments as the limit and no more', () => {
    const deepest = Array.from({ length: MAX_SEGMENTS }, () => 'a');
    assert.equal(checkPath(deepest).length, MAX_SEGMENTS);
    assert.throws(() => checkPath([...deepest, 'a']), { code: 'PATH_INVALID', message: /65.*64/ });
  });

  it('gives the very segments back, nothing cleaned', () => {
    const path = ['a ', ' b', 'c.', 'E\u0301'];
    assert.deepEqual(checkPath(path), ['a ', ' b', 'c.', 'E\u0301']);
  });

  it('shows a bad name without its control characters', () =>
    assert.throws(
      () => checkSegment('\u001b[2J'),
      (error: Error) => !error.message.includes('\u001b'),
    ));

  it('lets nothing through that would leave a folder it is joined to', () =>
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 6 }), (segments) => {
        try {
          checkPath(segments);
        } catch {
          return;
        }
        const joined = join('/root', ...segments);
        assert.equal(joined.split(sep).length, segments.length + 2);
        assert.equal(joined, ['/root', ...segments].join('/'));
      }),
      { numRuns: 500 },
    ));
});

describe('formatPath', () => {
  it('writes the root as a slash', () => assert.equal(formatPath([]), '/'));
  it('writes a path from the root on', () => assert.equal(formatPath(['pub', 'big.iso']), '/pub/big.iso'));
});

describe('resolvePath', () => {
  const cases: readonly (readonly [text: string, from: readonly string[], path: readonly string[]])[] = [
    ['', [], []],
    ['', ['a'], ['a']],
    ['/', ['a'], []],
    ['.', ['a'], ['a']],
    ['b', ['a'], ['a', 'b']],
    ['/b', ['a'], ['b']],
    ['b/c', ['a'], ['a', 'b', 'c']],
    ['..', ['a', 'b'], ['a']],
    ['../c', ['a', 'b'], ['a', 'c']],
    ['b/../c', ['a'], ['a', 'c']],
    ['../../..', ['a'], []],
    ['/../../etc', ['a'], ['etc']],
    ['.//b/./c//', ['a'], ['a', 'b', 'c']],
    ['...', ['a'], ['a', '...']],
  ];
  for (const [text, from, path] of cases)
    it(`takes ${JSON.stringify(text)} in ${formatPath(from)} as ${formatPath(path)}`, () =>
      assert.deepEqual(resolvePath(text, from), path));

  it('starts at the root when no folder is given', () => assert.deepEqual(resolvePath('a/b'), ['a', 'b']));

  for (const text of ['a\\b', 'a/\0/b', `${PART_PREFIX}1`, 'a/'.repeat(MAX_SEGMENTS + 1), 'x'.repeat(256)])
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () =>
      assert.throws(() => resolvePath(text), { code: 'PATH_INVALID' }));

  it('leaves the folder it is seen from as it is', () => {
    const from = ['a', 'b'];
    resolvePath('../c', from);
    assert.deepEqual(from, ['a', 'b']);
  });

  it('never climbs above the root, whatever the text', () => {
    const parts = fc.constantFrom('..', '.', '', '/', 'a', '...', '..a');
    fc.assert(
      fc.property(
        fc.array(parts, { maxLength: 20 }),
        fc.array(fc.constantFrom('a', 'b'), { maxLength: 5 }),
        (text, from) => {
          const path = resolvePath(text.join('/'), from);
          assert.ok(path.every((segment) => segment !== '..' && segment !== '.' && segment !== ''));
        },
      ),
    );
  });
});
