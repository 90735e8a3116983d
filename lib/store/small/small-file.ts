import { EMPTY, of } from 'rxjs';
import type { Entry } from '../../protocol/entry.ts';
import type { Source } from '../../streams/flow.ts';
import type { OpenFile } from '../store.ts';

/** A small file that was read whole when it was opened, so that nothing can change it any more. */
export class SmallFile implements OpenFile {
  readonly entry: Entry;
  readonly #bytes: Buffer;

  constructor(entry: Entry, bytes: Buffer) {
    this.entry = entry;
    this.#bytes = bytes;
  }

  content(start = 0, end = this.entry.size): Source {
    return () => (start < end ? of(this.#bytes.subarray(start, end)) : EMPTY);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
