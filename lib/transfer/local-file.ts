import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Observable, defer, mergeMap } from 'rxjs';
import { fileError } from '../errors/from-system.ts';
import type { RemotePath } from '../protocol/path.ts';
import { LocalFolderStore } from '../store/local-folder.ts';
import type { PartOptions, Store } from '../store/store.ts';
import type { Sink, Source } from '../streams/flow.ts';
import type { Valve } from '../streams/valve.ts';
import { fromStore } from './from-store.ts';
import { toStore } from './to-store.ts';

/** A file named by its user, as a path in a store. */
export interface LocalFile {
  readonly store: Store;
  readonly path: RemotePath;
}

/**
 * Finds a file, or the place for one, by a path of this machine. Links are followed: the path is the user's own word,
 * not a peer's. Errors with `NOT_FOUND` when its folder does not exist.
 */
export const locateFile = async (path: string): Promise<LocalFile> => {
  const real = await realpath(path).catch(() => undefined);
  const place = real ?? resolve(path);
  const folder = dirname(place);
  const shownFolder = dirname(path);
  const show = (inFolder: RemotePath) => join(shownFolder, ...inFolder);
  const store = real === undefined ? await openFolder(path, folder, show) : LocalFolderStore.at(folder, show);
  const name = basename(place);
  return { store, path: name === '' ? [] : [name] };
};

const openFolder = (path: string, folder: string, show: (path: RemotePath) => string): Promise<LocalFolderStore> =>
  LocalFolderStore.open(folder, show).catch((error: unknown) => {
    throw fileError(error, `${path}: cannot open folder`, 'READ_FAILED');
  });

/**
 * A file of this machine as the place where bytes come from: reads 512 KiB pieces ahead of the sink.
 *
 * Opened on subscription, closed at the end whatever it is. Errors with `NOT_FOUND`, `NOT_A_FILE`,
 * `PERMISSION_DENIED`, and with `SOURCE_CHANGED` if the file became another while it was read.
 */
export const fromFile =
  (path: string): Source =>
  (open$) =>
    defer(() => locateFile(path)).pipe(mergeMap((file) => fromStore(file.store, file.path)(open$)));

/**
 * A file of this machine as the place where bytes go, whole or not at all: the bytes go to a hidden part file beside it,
 * which takes its name, flushed, when the source completes. On any error and on unsubscribing the old file is untouched.
 */
export const toFile = (path: string, options: PartOptions = {}): Sink =>
  Object.assign(
    (valve: Valve) => (bytes$: Observable<Buffer>) =>
      defer(() => locateFile(path)).pipe(mergeMap((file) => toStore(file.store, file.path, options)(valve)(bytes$))),
    { givesBack: true } as const,
  );
