import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { of } from 'rxjs';
import { type WholeFile, inPacks, joinedContents } from '../../lib/dialects/native/packs.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const KIB = 1024;

const whole = (path: string, bytes: Buffer): WholeFile => ({
  bytes,
  item: {
    kind: 'file',
    path: path.split('/'),
    size: bytes.length,
    modified: 0,
    mode: 0o644,
    content: () => of(bytes),
  },
});

const pathsOf = (files: readonly WholeFile[]) =>
  inPacks(files).map((pack) => pack.map(({ item }) => item.path.join('/')));

describe('packs', () => {
  it('have files that follow each other in one folder', () => {
    const paths = ['a', 'b', 'sub/c', 'sub/d', 'sub/deep/e', 'f'];
    assert.deepEqual(pathsOf(paths.map((path) => whole(path, Buffer.from('x')))), [
      ['a', 'b'],
      ['sub/c', 'sub/d'],
      ['sub/deep/e'],
      ['f'],
    ]);
    assert.deepEqual(inPacks([]), []);
  });

  it('have no more bytes than one is worth', () => {
    const files = Array.from({ length: 11 }, (_, index) => whole(`${index}`, Buffer.alloc(64 * KIB)));
    assert.deepEqual(
      inPacks(files).map(({ length }) => length),
      [4, 4, 3],
    );
  });

  it('have no more names than fit into a header, however long and odd these are', () => {
    for (const name of ['n'.repeat(250), '"'.repeat(250), '\u{1F600}'.repeat(62), '\uFFFD'.repeat(83)]) {
      const files = Array.from({ length: 2000 }, (_, index) => whole(`${name}${index}`, Buffer.alloc(0)));
      const packs = inPacks(files);
      assert.equal(packs.flat().length, 2000);
      for (const pack of packs) {
        const header = pack.map(({ item }) => ({ name: item.path[0], size: 65536, modified: -8.64e15, mode: 511 }));
        assert.ok(Buffer.byteLength(JSON.stringify(header)) <= 28 * KIB);
      }
    }
  });

  it('have their contents one behind the other, without a copy where these lie so already', () => {
    const memory = Buffer.from('abcdef');
    const [ab, cd, f] = [memory.subarray(0, 2), memory.subarray(2, 4), memory.subarray(5)];
    const joined = joinedContents([whole('1', ab), whole('2', cd)]);
    assert.equal(joined.toString(), 'abcd');
    assert.equal(joined.buffer, memory.buffer);
    for (const pieces of [
      [ab, f],
      [cd, ab],
      [ab, Buffer.from('cd')],
    ])
      assert.equal(
        joinedContents(pieces.map((bytes) => whole('x', bytes))).toString(),
        pieces.map((piece) => piece.toString()).join(''),
      );
    assert.equal(joinedContents([]).length, 0);
  });
});
