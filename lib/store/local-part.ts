import { link, lstat, rename, statfs, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { map } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import { fileError, ignoreMissing } from '../errors/from-system.ts';
import { PERMISSION_BITS } from '../protocol/entry.ts';
import type { Sink } from '../streams/flow.ts';
import { type WriteTarget, writeFile } from '../streams/write-file.ts';
import { type BlockDigests, type ContentRange, bytesIn, leadingRun } from './checkpoint.ts';
import { type HiddenFile, claimHidden, createHidden, holdsItsName, removeKept } from './hidden-file.ts';
import type { Place } from './path-gate.ts';
import { recordBlocks } from './record-blocks.ts';
import type { Part, PartOptions } from './store.ts';

/**
 * A file of a local folder that is being written: a hidden file beside its target, which takes the target's name when
 * all of it is there. Holds the target's folder open, so that the name lands where it was asked for.
 */
export class LocalPart implements Part {
  readonly #place: Place;
  readonly #shownPath: string;
  readonly #hidden: HiddenFile;
  readonly #options: PartOptions;
  readonly #replacedMode: number | undefined;
  readonly #inUse: Set<string>;
  /** Writes that have begun: they may still land when whoever wanted them has left. */
  readonly #landing = new Set<Promise<unknown>>();
  #committing: Promise<void> | undefined;
  #ended = false;

  private constructor(
    place: Place,
    shownPath: string,
    hidden: HiddenFile,
    options: PartOptions,
    inUse: Set<string>,
    replacedMode?: number,
  ) {
    this.#place = place;
    this.#shownPath = shownPath;
    this.#hidden = hidden;
    this.#options = options;
    this.#inUse = inUse.add(basename(hidden.location));
    this.#replacedMode = replacedMode;
  }

  /**
   * Makes the hidden file, or takes up a kept one. The place is the part's from here on, also when this fails. `inUse`
   * holds the hidden file's name as long as the part lasts.
   */
  static async begin(place: Place, shownPath: string, options: PartOptions, inUse: Set<string>): Promise<LocalPart> {
    const part = await LocalPart.#open(place, shownPath, options, inUse);
    try {
      // Only now: what was kept of another content has made room.
      await part.#assertRoom();
      return part;
    } catch (error) {
      await part.suspend();
      throw error;
    }
  }

  static async #open(place: Place, shownPath: string, options: PartOptions, inUse: Set<string>): Promise<LocalPart> {
    try {
      const { keep } = options;
      const replacedMode = await modeOfReplaced(place, shownPath);
      // Nobody may read in the part what they could not read in the file that it replaces.
      const hidden = keep?.from
        ? await claimHidden(place, keep.from, replacedMode)
        : await createHidden(place, keep, replacedMode);
      return new LocalPart(place, shownPath, hidden, options, inUse, replacedMode);
    } catch (error) {
      await place.folder.handle.close();
      throw error;
    }
  }

  get content(): Sink {
    const { keep, size = Infinity } = this.#options;
    const offset = leadingRun(keep?.from)?.end ?? 0;
    return this.contentAt({ offset, end: keep?.size ?? size }, keep?.withHoles$ ?? keep?.digest$);
  }

  contentAt(range: ContentRange, digest$?: BlockDigests['withHoles$']): Sink {
    const { journal } = this.#hidden;
    const { offset } = range;
    return (valve) => (bytes$) => {
      const written$ = bytes$.pipe(
        writeFile(this.#target, this.#shownPath, offset)(valve),
        map(({ bytes }) => ({ bytes: offset + bytes })),
      );
      return journal && digest$ ? written$.pipe(recordBlocks(journal, digest$, range)) : written$;
    };
  }

  get #target(): WriteTarget {
    const { handle } = this.#hidden;
    return {
      writev: (buffers, position) => {
        const write = handle.writev(buffers, position);
        const landed: Promise<unknown> = write.catch(() => undefined).finally(() => this.#landing.delete(landed));
        this.#landing.add(landed);
        return write;
      },
    };
  }

  commit(): Promise<void> {
    this.#committing = this.#commit();
    return this.#committing;
  }

  async #commit(): Promise<void> {
    const { handle, journal } = this.#hidden;
    const { fsync = true } = this.#options;
    try {
      // Before the journal goes: most of what can fail fails here, and then the part is kept with it.
      if (fsync && journal !== undefined) await handle.sync();
      const restoreJournal = await journal?.remove();
      try {
        await this.#finishContent();
        await this.#takeName();
      } catch (error) {
        // Without it nothing is kept, and that is not the failure to tell of.
        await restoreJournal?.().catch(() => undefined);
        throw error;
      }
      // What an older try left is of no use beside the whole file.
      if (journal === undefined) await removeKept(this.#place).catch(() => undefined);
      if (fsync) await this.#place.folder.handle.sync();
      await this.#end();
    } catch (error) {
      throw fileError(error, `${this.#shownPath}: cannot write`, 'WRITE_FAILED');
    }
  }

  async discard(): Promise<void> {
    await this.#settled();
    if (this.#ended) return;
    try {
      await this.#removeHidden();
    } finally {
      await this.#end();
    }
  }

  async suspend(): Promise<void> {
    await this.#settled();
    if (this.#ended) return;
    const { journal } = this.#hidden;
    try {
      // What lands later would do so in the next transfer's file.
      await Promise.all(this.#landing);
      if ((await journal?.checkpoint()) === undefined) return await this.#removeHidden();
      await journal?.hand(null);
    } finally {
      await this.#end();
    }
  }

  /** A commit that has begun cannot be taken back half-way: whoever gives the part up waits to see what it came to. */
  async #settled(): Promise<void> {
    await this.#committing?.catch(() => undefined);
  }

  /** A name that somebody else's file has by now is not this part's any more. */
  async #removeHidden(): Promise<void> {
    const { location, journal } = this.#hidden;
    if (journal === undefined || (await holdsItsName(this.#hidden).catch(ignoreMissing)))
      await unlink(location).catch(ignoreMissing);
  }

  async #assertRoom(): Promise<void> {
    const { size, keep } = this.#options;
    if (size === undefined) return;
    const { bavail, bsize } = await statfs(this.#place.folder.location);
    const needed = size - bytesIn(keep?.from?.runs ?? []);
    const free = bavail * bsize;
    if (needed > free)
      throw new FileError(
        'NO_SPACE',
        `${this.#shownPath}: needs ${needed} bytes where the disk has ${free} bytes left`,
      );
  }

  async #finishContent(): Promise<void> {
    const { handle } = this.#hidden;
    const { modified, mode = this.#replacedMode, fsync = true } = this.#options;
    if (mode !== undefined) await handle.chmod(mode);
    // As a Date, because Node takes a negative number, a time before 1970, for now.
    if (modified !== undefined) await handle.utimes(new Date(modified), new Date(modified));
    if (fsync) await handle.sync();
  }

  async #takeName(): Promise<void> {
    const { location, journal } = this.#hidden;
    // A name that the next try can find could also be found by somebody who thinks that this transfer is dead.
    if (journal !== undefined && !(await holdsItsName(this.#hidden)))
      throw new FileError('BUSY', `${this.#shownPath}: another transfer took the unfinished file`);
    const { replace = true } = this.#options;
    if (replace) await rename(location, this.#place.location);
    else await this.#nameUnlessTaken();
  }

  // A hard link fails if the name is taken, which rename does not; both happen at one stroke.
  async #nameUnlessTaken(): Promise<void> {
    await link(this.#hidden.location, this.#place.location);
    // The file is there: from here on nothing can fail that its user has to know of.
    await unlink(this.#hidden.location).catch(() => undefined);
  }

  async #end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#inUse.delete(basename(this.#hidden.location));
    await this.#hidden.handle.close();
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
