import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ListingPages, type Page } from '../../lib/dialects/native/listing-pages.ts';
import type { Entry } from '../../lib/index.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const entry = (name: string): Entry => ({ name, kind: 'file', size: 1, modified: 0, mode: 0o644 });

/** Entries that are made as they are read; tells how many were read and whether the reader has let go. */
class Folder implements AsyncIterable<Entry> {
  read = 0;
  closed = false;
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  async *[Symbol.asyncIterator]() {
    try {
      while (this.read < this.#length) {
        await Promise.resolve();
        yield entry(`file-${(this.read += 1)}`);
      }
    } finally {
      this.closed = true;
    }
  }
}

const readAll = async (pages: ListingPages, folder: Folder): Promise<number[]> => {
  const sizes: number[] = [];
  let page: Page = await pages.first(folder);
  for (;;) {
    sizes.push(page.entries.length);
    if (page.cursor === undefined) return sizes;
    page = await pages.next(page.cursor);
  }
};

describe('listing pages', () => {
  for (const [length, sizes] of [
    [0, [0]],
    [9, [9]],
    [10, [10]],
    [11, [10, 1]],
    [30, [10, 10, 10]],
  ] as const)
    it(`cut ${length} entries into ${sizes.join(' and ')}`, async () => {
      assert.deepEqual(await readAll(new ListingPages({ entries: 10, bytes: 1e6 }), new Folder(length)), sizes);
    });

  it('cut by bytes as well', async () => {
    const size = JSON.stringify(entry('file-1')).length + 1;
    assert.deepEqual(await readAll(new ListingPages({ entries: 10, bytes: 3 * size }), new Folder(7)), [3, 3, 1]);
  });

  it('move on by one entry even where the bound is less than that', async () => {
    assert.deepEqual(await readAll(new ListingPages({ entries: 10, bytes: 1 }), new Folder(3)), [1, 1, 1]);
  });

  it('are read from the store only when they are asked for', async () => {
    const pages = new ListingPages({ entries: 10, bytes: 1e6 });
    const folder = new Folder(1000);
    const { cursor = '' } = await pages.first(folder);
    assert.equal(folder.read, 11);
    await pages.next(cursor);
    assert.equal(folder.read, 21);
    pages.close();
  });

  it('refuse a cursor a second time, and one that nobody gave', async () => {
    const pages = new ListingPages({ entries: 1, bytes: 1e6 });
    const { cursor = '' } = await pages.first(new Folder(5));
    await pages.next(cursor);
    for (const wrong of [cursor, '', '99', '__proto__'])
      await assert.rejects(pages.next(wrong), { code: 'UNSUPPORTED' });
    pages.close();
  });

  it('keep 16 folders open and close the one that was read longest ago', async () => {
    const pages = new ListingPages({ entries: 1, bytes: 1e6 });
    const folders = Array.from({ length: 17 }, () => new Folder(5));
    const cursors: string[] = [];
    for (const folder of folders) cursors.push((await pages.first(folder)).cursor ?? '');
    assert.deepEqual(
      folders.map(({ closed }) => closed),
      [true, ...Array.from({ length: 16 }, () => false)],
    );
    await assert.rejects(pages.next(cursors[0] ?? ''), { code: 'UNSUPPORTED' });
    assert.equal((await pages.next(cursors[1] ?? '')).entries.length, 1);
    pages.close();
  });

  it('close every folder with the session, also one that is just being read', async () => {
    const pages = new ListingPages({ entries: 1, bytes: 1e6 });
    const [kept, late] = [new Folder(5), new Folder(5)];
    await pages.first(kept);
    const reading = pages.first(late);
    pages.close();
    await reading;
    assert.deepEqual([kept.closed, late.closed], [true, true]);
  });
});
