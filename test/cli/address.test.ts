import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parsePort, parseUrl } from '../../cli/address.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('parsePort', () => {
  for (const [text, port] of [
    ['0', 0],
    ['1', 1],
    ['1234', 1234],
    ['00080', 80],
    ['65535', 65_535],
  ] as const)
    it(`reads ${text}`, () => assert.equal(parsePort(text), port));

  for (const text of ['', '65536', '99999', '123456', '-1', '+1', '1.5', '1e3', '0x10', ' 80', '80 ', 'http', '８０'])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => parsePort(text), {
        name: 'OptionError',
        code: 'OPTION_INVALID',
        message: `port must be digits from 0 to 65535, not "${text}"`,
      }));
});

describe('parseUrl', () => {
  const at = (path: readonly string[], isFolder = false, host = 'host', port = 1234) => ({
    host,
    port,
    path,
    isFolder,
  });

  for (const [text, expected] of [
    ['sluice://host', at([], true)],
    ['sluice://host/', at([], true)],
    ['sluice://host/a.txt', at(['a.txt'])],
    ['SLUICE://host/a.txt', at(['a.txt'])],
    ['sluice://host/pub/a.txt', at(['pub', 'a.txt'])],
    ['sluice://host/pub/', at(['pub'], true)],
    ['sluice://host//pub//a', at(['pub', 'a'])],
    ['sluice://host:2121/a', at(['a'], false, 'host', 2121)],
    ['sluice://host:65535/a', at(['a'], false, 'host', 65_535)],
    ['sluice://127.0.0.1:80/a', at(['a'], false, '127.0.0.1', 80)],
    ['sluice://[::1]:2121/a', at(['a'], false, '::1', 2121)],
    ['sluice://[2001:db8::2]/', at([], true, '2001:db8::2')],
    ['sluice://host/with%20blank', at(['with blank'])],
    ['sluice://host/with blank', at(['with blank'])],
    ['sluice://host/100%25', at(['100%'])],
    ['sluice://host/what%3F%23', at(['what?#'])],
    ['sluice://host/Gr%C3%B6%C3%9Fe', at(['Größe'])],
    ['sluice://host/Größe', at(['Größe'])],
    ['sluice://host/🚰', at(['🚰'])],
    ['sluice://host/a;b&c=d+e', at(['a;b&c=d+e'])],
    ['sluice://host/-x', at(['-x'])],
    ['sluice://host/a\\b', at(['a\\b'])],
    // What climbs is not followed here; it reaches the check of the path, which refuses it.
    ['sluice://host/%2e%2e/a', at(['..', 'a'])],
    ['sluice://host/../a', at(['..', 'a'])],
    ['sluice://host/a/./b', at(['a', '.', 'b'])],
    ['sluice://host/..%2fa', at(['../a'])],
    ['sluice://host/a%2Fb', at(['a/b'])],
    ['sluice://host/%00', at(['\0'])],
  ] as const)
    it(`reads ${text}`, () => assert.deepEqual(parseUrl(text), expected));

  for (const text of [
    '',
    'a.txt',
    '/a.txt',
    'host:1234/a',
    'http://host/a',
    'ftp://host/a',
    'sluice:a',
    'sluice:/host/a',
    'sluice:///a',
    'sluice://host:65536/a',
    'sluice://host:port/a',
    'sluice://host:-1/a',
    'sluice://[::1/a',
    'sluice://ho st/a',
    'sluice://host/%',
    'sluice://host/%zz',
    'sluice://host/%ff',
    'sluice://host/%c3',
    'sluice://host/%ed%a0%80',
  ])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseUrl(text), { name: 'OptionError', code: 'OPTION_INVALID' }));

  for (const text of ['sluice://host/a#1.txt', 'sluice://host/a?b', 'sluice://host/a#', 'sluice://host?a'])
    it(`does not drop the end of ${text}`, () =>
      assert.throws(() => parseUrl(text), { code: 'OPTION_INVALID', message: /%3F.*%23/ }));

  it('drops no tab or blank of a name', () => {
    assert.deepEqual(parseUrl('sluice://host/a\tb').path, ['a\tb']);
    assert.deepEqual(parseUrl('sluice://host/a ').path, ['a ']);
  });

  for (const text of ['sluices://host/a', 'sluice://me@host/a', 'sluice://me:secret@host/a'])
    it(`says that ${text} is not there yet, and shows no password`, () =>
      assert.throws(
        () => parseUrl(text),
        (error: Error & { code?: string }) => error.code === 'UNSUPPORTED' && !error.message.includes('secret'),
      ));

  it('gives back every name that was percent-encoded', () =>
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 5 }), (path) => {
        assert.deepEqual(parseUrl(`sluice://host/${path.map(encodeURIComponent).join('/')}`).path, path);
      }),
    ));
});
