import type { FileHandle } from 'node:fs/promises';
import { type Observable, concat, defer, ignoreElements } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import type { Entry } from '../protocol/entry.ts';
import type { Source } from '../streams/flow.ts';
import { readFile } from '../streams/read-file.ts';
import type { Valve } from '../streams/valve.ts';
import { entryOf } from './entry-of.ts';
import type { OpenFile } from './store.ts';

/** A file of a local folder, open for reading. */
export class LocalFile implements OpenFile {
  readonly entry: Entry;
  readonly #handle: FileHandle;
  readonly #shownPath: string;

  constructor(handle: FileHandle, entry: Entry, shownPath: string) {
    this.#handle = handle;
    this.entry = entry;
    this.#shownPath = shownPath;
  }

  content(start = 0, end = this.entry.size): Source {
    const bytes = readFile(this.#handle, { start, end }, this.#shownPath);
    const check$ = defer(() => this.#assertUnchanged()).pipe(ignoreElements());
    return Object.assign((open$: Observable<boolean>) => concat(bytes(open$), check$), {
      lend: (valve: Valve) => concat(bytes.lend(valve), check$),
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  // Bytes read before and after a change make a mixture that never existed, so the last byte is not the end of it.
  async #assertUnchanged(): Promise<void> {
    const { size, modified } = entryOf(this.entry.name, await this.#handle.stat());
    if (size !== this.entry.size)
      throw new FileError(
        'SOURCE_CHANGED',
        `${this.#shownPath}: changed while it was read (${this.entry.size} bytes became ${size})`,
      );
    if (modified !== this.entry.modified)
      throw new FileError('SOURCE_CHANGED', `${this.#shownPath}: was written to while it was read`);
  }
}
