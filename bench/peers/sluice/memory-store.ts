import {
  type Entry,
  type OpenFile,
  type Part,
  type Space,
  type Store,
  UnsupportedError,
  fromChunks,
  toNothing,
} from '../../../lib/index.ts';
import { memoryChunks } from '../../workers/memory-chunks.ts';

/** A store of one file from memory under every name, which takes every upload and keeps none: no disk in the figures. */
export class MemoryStore implements Store {
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  begin(): Promise<Part> {
    const done = () => Promise.resolve();
    return Promise.resolve({ content: toNothing(), commit: done, discard: done, suspend: done });
  }

  open([name = '']: readonly string[]): Promise<OpenFile> {
    const entry = entryOf(name, this.#size);
    const content = (start = 0, end = this.#size) => fromChunks(memoryChunks(end - start));
    return Promise.resolve({ entry, content, close: () => Promise.resolve() });
  }

  stat([name = '']: readonly string[]): Promise<Entry> {
    return Promise.resolve(entryOf(name, this.#size));
  }

  list(): AsyncIterable<Entry> {
    throw onlyFiles();
  }

  remove(): Promise<never> {
    return Promise.reject(onlyFiles());
  }

  makeFolder(): Promise<never> {
    return Promise.reject(onlyFiles());
  }

  removeFolder(): Promise<never> {
    return Promise.reject(onlyFiles());
  }

  move(): Promise<never> {
    return Promise.reject(onlyFiles());
  }

  space(): Promise<Space> {
    return Promise.reject(onlyFiles());
  }
}

const entryOf = (name: string, size: number): Entry => ({ name, kind: 'file', size, modified: 0, mode: 0o644 });

const onlyFiles = () => new UnsupportedError('a store in memory takes and gives files and does nothing else');
