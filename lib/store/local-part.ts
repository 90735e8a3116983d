import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, statfs, unlink } from 'node:fs/promises';
import { FileError } from '../errors/errors.ts';
import { fileError, systemCode } from '../errors/from-system.ts';
import { type Entry, PERMISSION_BITS } from '../protocol/entry.ts';
import { PART_PREFIX } from '../protocol/path.ts';
import type { Sink } from '../streams/flow.ts';
import { writeFile } from '../streams/write-file.ts';
import { entryOf } from './entry-of.ts';
import type { Place } from './path-gate.ts';
import type { CommitOptions, Part, PartOptions } from './store.ts';

const CREATE_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * A file of a local folder that is being written: a hidden file beside its target, which takes the target's name when
 * all of it is there. Holds the target's folder open, so that the name lands where it was asked for.
 */
export class LocalPart implements Part {
  readonly content: Sink;
  readonly #place: Place;
  readonly #shownPath: string;
  readonly #location: string;
  readonly #handle: FileHandle;
  readonly #replacedMode: number | undefined;
  #ended = false;

  private constructor(place: Place, shownPath: string, location: string, handle: FileHandle, replacedMode?: number) {
    this.#place = place;
    this.#shownPath = shownPath;
    this.#location = location;
    this.#handle = handle;
    this.#replacedMode = replacedMode;
    this.content = writeFile(handle, shownPath);
  }

  /** Makes the hidden file. The place is the part's from here on, also when this fails. */
  static async begin(place: Place, shownPath: string, { size }: PartOptions): Promise<LocalPart> {
    try {
      const replacedMode = await modeOfReplaced(place, shownPath);
      if (size !== undefined) await assertRoom(place, shownPath, size);
      const location = `${place.folder.location}/${PART_PREFIX}${randomBytes(8).toString('hex')}`;
      // Nobody may read in the part what they could not read in the file that it replaces.
      const handle = await open(location, CREATE_NEW, replacedMode);
      return new LocalPart(place, shownPath, location, handle, replacedMode);
    } catch (error) {
      await place.folder.handle.close();
      throw error;
    }
  }

  async commit({ modified, mode, replace = true, fsync = true }: CommitOptions): Promise<Entry> {
    try {
      const finalMode = mode ?? this.#replacedMode;
      if (finalMode !== undefined) await this.#handle.chmod(finalMode);
      // As a Date, because Node takes a negative number, a time before 1970, for now.
      if (modified !== undefined) await this.#handle.utimes(new Date(modified), new Date(modified));
      if (fsync) await this.#handle.sync();
      const entry = entryOf(this.#place.name, await this.#handle.stat());
      if (replace) await rename(this.#location, this.#place.location);
      else await this.#nameUnlessTaken();
      if (fsync) await this.#place.folder.handle.sync();
      await this.#end();
      return entry;
    } catch (error) {
      throw fileError(error, `${this.#shownPath}: cannot write`, 'WRITE_FAILED');
    }
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    try {
      await unlink(this.#location).catch(ignoreMissing);
    } finally {
      await this.#end();
    }
  }

  // A hard link fails if the name is taken, which rename does not; both happen at one stroke.
  async #nameUnlessTaken(): Promise<void> {
    await link(this.#location, this.#place.location);
    await unlink(this.#location);
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#handle.close();
    await this.#place.folder.handle.close();
  }
}

/**
 * The permissions of the file that the part will replace, or nothing. A folder or link in its place is refused before a
 * byte is written.
 */
const modeOfReplaced = async ({ location }: Place, shownPath: string): Promise<number | undefined> => {
  const stats = await lstat(location).catch(ignoreMissing);
  if (stats?.isSymbolicLink())
    throw new FileError('PATH_OUTSIDE_ROOT', `${shownPath}: is a symbolic link, which is never written through`);
  if (stats?.isDirectory())
    throw new FileError('NOT_A_FILE', `${shownPath}: is a folder, a file cannot take its place`);
  if (stats !== undefined && !stats.isFile())
    throw new FileError('NOT_A_FILE', `${shownPath}: is a device, not a file`);
  return stats === undefined ? undefined : stats.mode & PERMISSION_BITS;
};

const assertRoom = async ({ folder }: Place, shownPath: string, size: number): Promise<void> => {
  const { bavail, bsize } = await statfs(folder.location);
  const free = bavail * bsize;
  if (size > free)
    throw new FileError('NO_SPACE', `${shownPath}: needs ${size} bytes where the disk has ${free} bytes left`);
};

const ignoreMissing = (error: unknown): undefined => {
  if (systemCode(error) !== 'ENOENT') throw error;
  return undefined;
};
