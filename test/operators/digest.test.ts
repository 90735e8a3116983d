import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DIGEST_NAMES, type DigestName, availableDigests, createDigest } from '../../lib/operators/digest.ts';
import { anyBytes, anyCuts } from '../helpers/cuts.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const EMPTY: Readonly<Record<DigestName, string>> = {
  blake3: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
};
const ABC: Readonly<Record<DigestName, string>> = {
  blake3: '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85',
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
};

const digestOf = (name: DigestName, chunks: readonly Buffer[]): string => {
  const digest = createDigest(name);
  for (const chunk of chunks) digest.update(chunk);
  return digest.finish();
};

describe('availableDigests', () => {
  it('always has SHA-256, behind whatever is faster', () => assert.equal(availableDigests().at(-1), 'sha256'));

  it('knows no other names than the protocol', () =>
    assert.ok(availableDigests().every((name) => DIGEST_NAMES.includes(name))));
});

for (const name of availableDigests())
  describe(`createDigest of ${name}`, () => {
    it('knows its name', () => assert.equal(createDigest(name).name, name));

    it('digests nothing to the known value', () => {
      assert.equal(digestOf(name, []), EMPTY[name]);
      assert.equal(digestOf(name, [Buffer.alloc(0)]), EMPTY[name]);
    });

    it('digests abc to the known value', () => assert.equal(digestOf(name, [Buffer.from('abc')]), ABC[name]));

    it('digests abc byte by byte to the same', () =>
      assert.equal(digestOf(name, [Buffer.from('a'), Buffer.from('b'), Buffer.alloc(0), Buffer.from('c')]), ABC[name]));

    it('digests any bytes to the same, however they are cut', () =>
      fc.assert(
        fc.property(
          anyBytes(5000).chain((bytes) => fc.tuple(fc.constant(bytes), anyCuts(bytes))),
          ([bytes, chunks]) => assert.equal(digestOf(name, chunks), digestOf(name, [bytes])),
        ),
      ));

    it('keeps two digests apart', () => {
      const one = createDigest(name);
      const other = createDigest(name);
      one.update(Buffer.from('ab'));
      other.update(Buffer.from('x'));
      one.update(Buffer.from('c'));
      assert.equal(one.finish(), ABC[name]);
      assert.notEqual(other.finish(), ABC[name]);
    });
  });
