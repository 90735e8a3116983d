import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HEADER_BYTES, MAX_PAYLOAD, decodeHeader, encodeFrame, encodeHeader } from '../../lib/protocol/frame-header.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const LENGTHS: readonly (readonly [length: number, header: string])[] = [
  [0, '0000000000'],
  [1, '0000000001'],
  [9, '0000000009'],
  [42, '0000000042'],
  [1_048_576, '0001048576'],
  [2 ** 31, '2147483648'],
  [2 ** 32, '4294967296'],
  [MAX_PAYLOAD, '9999999999'],
];

const NOT_DIGITS: Readonly<Record<string, string>> = {
  'a plus sign': '+000000042',
  'a minus sign': '-000000042',
  'leading blanks': '        42',
  'a trailing blank': '42        ',
  'a blank between digits': '00000 0042',
  'a tab': '\t000000042',
  'a line end': '000000042\n',
  'a carriage return': '00000042\r\n',
  hexadecimal: '0x0000002a',
  'hexadecimal digits': '000000002a',
  'capital hexadecimal digits': '000000002A',
  'an exponent': '00000001e3',
  'a decimal point': '000000042.',
  'a thousands separator': '00,000,042',
  'an underscore': '0000_00042',
  'a NUL': '000000004\0',
  'the byte below 0': '000000004/',
  'the byte above 9': '000000004:',
  'a binary length': '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x2a',
  'high bytes': '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  'an HTTP request': 'GET / HTTP',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03',
};

describe('encodeHeader', () => {
  for (const [length, header] of LENGTHS)
    it(`writes ${length} as ${header}`, () => assert.equal(encodeHeader(length).toString('latin1'), header));

  for (const length of [MAX_PAYLOAD + 1, Number.MAX_SAFE_INTEGER, Infinity, NaN, -1, 0.5])
    it(`refuses a length of ${length}`, () => assert.throws(() => encodeHeader(length), { code: 'FRAME_TOO_LARGE' }));
});

describe('decodeHeader', () => {
  for (const [length, header] of LENGTHS)
    it(`reads ${header} as ${length}`, () =>
      assert.equal(decodeHeader(Buffer.from(header, 'latin1'), MAX_PAYLOAD), length));

  for (const [name, header] of Object.entries(NOT_DIGITS))
    it(`refuses ${name}`, () => {
      assert.equal(header.length, HEADER_BYTES);
      assert.throws(() => decodeHeader(Buffer.from(header, 'latin1'), MAX_PAYLOAD), { code: 'FRAME_HEADER_INVALID' });
    });

  it('accepts the limit and refuses one byte more', () => {
    assert.equal(decodeHeader(encodeHeader(4096), 4096), 4096);
    assert.throws(() => decodeHeader(encodeHeader(4097), 4096), { code: 'FRAME_TOO_LARGE', message: /4097.*4096/ });
  });

  it('accepts only an empty frame under a limit of 0', () => {
    assert.equal(decodeHeader(encodeHeader(0), 0), 0);
    assert.throws(() => decodeHeader(encodeHeader(1), 0), { code: 'FRAME_TOO_LARGE' });
  });

  it('reads back whatever length was written', () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_PAYLOAD }), (length) => {
        const header = encodeHeader(length);
        assert.equal(header.length, HEADER_BYTES);
        assert.equal(decodeHeader(header, MAX_PAYLOAD), length);
      }),
    ));

  it('accepts ten bytes only if each is a digit', () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: HEADER_BYTES, maxLength: HEADER_BYTES }), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        if (/^[0-9]{10}$/.test(text)) assert.equal(decodeHeader(bytes, MAX_PAYLOAD), Number(text));
        else assert.throws(() => decodeHeader(bytes, MAX_PAYLOAD), { code: 'FRAME_HEADER_INVALID' });
      }),
    ));
});

describe('encodeFrame', () => {
  it('puts the header before the payload', () =>
    assert.equal(encodeFrame(Buffer.from('hello')).toString(), '0000000005hello'));

  it('counts the bytes of a text, not its letters', () =>
    assert.equal(encodeFrame('naïve').toString(), '0000000006naïve'));

  it('makes a bare header of an empty payload', () =>
    assert.equal(encodeFrame(Buffer.alloc(0)).toString(), '0000000000'));
});
