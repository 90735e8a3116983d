import { UnsupportedError } from '../../errors/errors.ts';
import type { Entry } from '../../protocol/entry.ts';

export interface Page {
  readonly entries: Entry[];
  /** What to ask for the next page with, if there is more. */
  readonly cursor?: string;
}

export interface PageLimits {
  readonly entries: number;
  /** Bytes that the entries of one page may take as JSON. */
  readonly bytes: number;
}

/** Listings of one session that may be open at a time; a further one closes the one that was read longest ago. */
const MAX_OPEN = 16;

interface OpenListing {
  readonly iterator: AsyncIterator<Entry>;
  /** An entry that was read and did not fit the page before. */
  readonly pending: Entry | undefined;
}

/**
 * The listings of one session that are not read to their end, cut into pages. A page is read from the store when it is
 * asked for, so a folder of any length holds one page at most, and what the store reads ahead.
 */
export class ListingPages {
  readonly #limits: PageLimits;
  readonly #open = new Map<string, OpenListing>();
  #opened = 0;
  #closed = false;

  constructor(limits: PageLimits) {
    this.#limits = limits;
  }

  /** The first page of a listing. */
  first(entries: AsyncIterable<Entry>): Promise<Page> {
    return this.#read({ iterator: entries[Symbol.asyncIterator](), pending: undefined });
  }

  /** The page that a cursor stands for; each cursor serves once. */
  async next(cursor: string): Promise<Page> {
    const listing = this.#open.get(cursor);
    if (listing === undefined)
      throw new UnsupportedError('this listing is no longer open: start it again from the first page');
    this.#open.delete(cursor);
    return this.#read(listing);
  }

  /** Closes every listing. */
  close(): void {
    this.#closed = true;
    for (const { iterator } of this.#open.values()) close(iterator);
    this.#open.clear();
  }

  async #read({ iterator, pending }: OpenListing): Promise<Page> {
    const entries: Entry[] = [];
    let bytes = 0;
    let entry = pending ?? (await nextOf(iterator));
    while (entry !== undefined) {
      bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
      const isFull = entries.length === this.#limits.entries || bytes > this.#limits.bytes;
      // One entry goes on every page, however small the bound: a listing that never moves on never ends.
      if (isFull && entries.length > 0) return { entries, cursor: this.#keep({ iterator, pending: entry }) };
      entries.push(entry);
      entry = await nextOf(iterator);
    }
    return { entries };
  }

  #keep(listing: OpenListing): string {
    if (this.#closed) close(listing.iterator);
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= MAX_OPEN) {
      const dropped = this.#open.get(oldest);
      this.#open.delete(oldest);
      if (dropped !== undefined) close(dropped.iterator);
    }
    const cursor = String((this.#opened += 1));
    this.#open.set(cursor, listing);
    return cursor;
  }
}

const nextOf = async (iterator: AsyncIterator<Entry>): Promise<Entry | undefined> => {
  const result = await iterator.next();
  return result.done === true ? undefined : result.value;
};

const close = (iterator: AsyncIterator<Entry>): void => {
  // What fails here fails for a listing that nobody reads any more.
  void iterator.return?.().catch(() => undefined);
};
