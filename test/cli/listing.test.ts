import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatEntry, formatListing } from '../../cli/listing.ts';
import type { Entry } from '../../lib/index.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const entry = (name: string, rest: Partial<Entry> = {}): Entry => ({
  name,
  kind: 'file',
  size: 1234,
  modified: new Date(2026, 0, 31, 18, 5, 59).getTime(),
  mode: 0o644,
  ...rest,
});

describe('formatListing', () => {
  it('writes size, local time and name, in the order of the names', () =>
    assert.deepEqual(formatListing([entry('b.txt'), entry('a.txt', { size: 7 })]), [
      '    7 B  2026-01-31 18:05  a.txt',
      '1.23 kB  2026-01-31 18:05  b.txt',
    ]));

  it('marks folders and links, whose sizes say nothing', () =>
    assert.deepEqual(
      formatListing([entry('pub', { kind: 'folder' }), entry('to', { kind: 'link' }), entry('x', { kind: 'other' })]),
      ['-  2026-01-31 18:05  pub/', '-  2026-01-31 18:05  to@', '-  2026-01-31 18:05  x?'],
    ));

  it('has no lines for an empty folder', () => assert.deepEqual(formatListing([]), []));

  it('escapes names', () =>
    assert.deepEqual(formatListing([entry('evil\u202e\u001b[2Jtxt', { size: 0 })]), [
      '0 B  2026-01-31 18:05  evil\\u{202e}\\u{1b}[2Jtxt',
    ]));

  it('leaves the list that it was given as it is', () => {
    const entries = [entry('b'), entry('a')];
    formatListing(entries);
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['b', 'a'],
    );
  });
});

describe('formatEntry', () => {
  it('writes what is known about a file', () =>
    assert.deepEqual(formatEntry(entry('a', { modified: Date.UTC(2026, 0, 31) }), '/pub/a'), [
      'path      /pub/a',
      'kind      file',
      'size      1234 bytes (1.23 kB)',
      'modified  2026-01-31T00:00:00.000Z',
      'mode      0644',
    ]));

  it('writes no size for a folder, and escapes its path', () =>
    assert.deepEqual(formatEntry(entry('', { kind: 'folder', mode: 0o7, modified: 0 }), '/\u001b[2J'), [
      'path      /\\u{1b}[2J',
      'kind      folder',
      'modified  1970-01-01T00:00:00.000Z',
      'mode      0007',
    ]));

  it('survives a time that no calendar has', () => {
    assert.doesNotThrow(() => formatEntry(entry('a', { modified: Number.MAX_SAFE_INTEGER }), '/a'));
  });
});
