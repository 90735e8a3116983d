import { type Entry, type Part, type Space, type Store, UnsupportedError, toNothing } from '../../../lib/index.ts';

/** A store that takes every file and keeps none, so that an upload is measured without the receiver's disk. */
export class DiscardingStore implements Store {
  begin(): Promise<Part> {
    return Promise.resolve({
      content: toNothing(),
      commit: () => Promise.resolve(),
      discard: () => Promise.resolve(),
      suspend: () => Promise.resolve(),
    });
  }

  list(): AsyncIterable<Entry> {
    throw onlyUploads();
  }

  stat(): Promise<never> {
    return Promise.reject(onlyUploads());
  }

  open(): Promise<never> {
    return Promise.reject(onlyUploads());
  }

  remove(): Promise<never> {
    return Promise.reject(onlyUploads());
  }

  makeFolder(): Promise<never> {
    return Promise.reject(onlyUploads());
  }

  removeFolder(): Promise<never> {
    return Promise.reject(onlyUploads());
  }

  move(): Promise<never> {
    return Promise.reject(onlyUploads());
  }

  space(): Promise<Space> {
    return Promise.reject(onlyUploads());
  }
}

const onlyUploads = () => new UnsupportedError('a store that keeps nothing takes uploads and does nothing else');
