import { constants } from 'node:fs';
import { type FileHandle, copyFile, link, lstat, open, rename, unlink, utimes } from 'node:fs/promises';
import { FileError } from '../errors/errors.ts';
import { ignoreMissing, systemCode } from '../errors/from-system.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { Checkpoint } from './checkpoint.ts';
import { PartJournal } from './part-journal.ts';
import { LONG_SILENCE_MS, isElsewhere, mayStillWrite, thisProcess } from './part-owner.ts';
import { isKeptName, keptName, passingName } from './part-names.ts';
import type { Place } from './path-gate.ts';
import type { PartKeeping } from './store.ts';

const CREATE_NEW = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const OPEN_KEPT = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const OWNER_MAY_WRITE = 0o600;

/** The file that holds a content until it is whole; one transfer's alone. */
export interface HiddenFile {
  readonly location: string;
  readonly handle: FileHandle;
  /** There if the file may outlive its transfer. */
  readonly journal?: PartJournal;
}

/** What the kept part of a place has; nothing if there is none, or if somebody writes to it. */
export const findKept = (place: Place): Promise<Checkpoint | undefined> =>
  withKept(keptLocation(place), async (handle) => (await freeJournal(handle))?.checkpoint());

/** Removes what is kept of a place, unless somebody writes to it. */
export const removeKept = (place: Place): Promise<void> => clear(keptLocation(place));

/** Removes a part of a folder that nobody may write to any more, and nobody has written to for so long. */
export const removeDead = async (folder: string, name: string, olderThanMs: number): Promise<void> => {
  const location = `${folder}/${name}`;
  const isDead = async (handle: FileHandle): Promise<boolean> => {
    // By the wall clock, as file times are: a clock that jumps ahead may cost a fresh start, but no transfer that runs.
    if (Date.now() - (await handle.stat()).mtimeMs < olderThanMs) return false;
    return (await freeJournal(handle)) !== undefined || (isKeptName(name) && (await isLeftBehind(handle)));
  };
  if (!(await withKept(location, isDead))) return;
  // Of this and somebody who comes back for it, only one can move it.
  const own = passingLocation(folder);
  await rename(location, own);
  if (await withKept(own, isDead)) await unlink(own);
  else await giveName(own, location);
};

/** A new hidden file. `mode` is its permissions; the system's default if missing. */
export const createHidden = async (place: Place, keep?: PartKeeping, mode?: number): Promise<HiddenFile> => {
  // The first block has to be sent again anyway, so a content of one block has nothing to keep.
  if (keep !== undefined && keep.size > BLOCK_BYTES) {
    const location = keptLocation(place);
    // Its owner has to be able to open it again, whatever permissions the file will have in the end.
    const handle = await createUnlessUsed(location, mode === undefined ? undefined : mode | OWNER_MAY_WRITE);
    if (handle !== undefined)
      return closingOnError(handle, async () => ({
        location,
        handle,
        journal: await PartJournal.create(handle, contentOf(keep), await thisProcess()),
      }));
  }
  const location = passingLocation(place.folder.location);
  return { location, handle: await open(location, CREATE_NEW, mode) };
};

/**
 * The kept part of a place, to go on with; `OFFSET_MISMATCH` if it has not what the checkpoint says any more, or another
 * transfer was faster. What else it has is forgotten. `mode` is its permissions from now on; those that it has if missing.
 */
export const claimHidden = async (place: Place, checkpoint: Checkpoint, mode?: number): Promise<HiddenFile> => {
  const shared = keptLocation(place);
  const own = passingLocation(place.folder.location);
  const journal = await withKept(shared, freeJournal);
  if (journal === undefined) throw notAsExpected(place);
  // Of two who want it, only one can move it.
  await rename(shared, own).catch((error: unknown) => {
    throw systemCode(error) === 'ENOENT' ? notAsExpected(place) : error;
  });
  try {
    const { owner } = journal.header;
    if (owner !== null && (await isElsewhere(owner))) await replaceByCopy(own, passingLocation(place.folder.location));
    const handle = await open(own, OPEN_KEPT).catch(() => {
      throw notAsExpected(place);
    });
    return await closingOnError(handle, async () => {
      const journal = await freeJournal(handle);
      if (journal === undefined || !(await holds(journal, checkpoint))) throw notAsExpected(place);
      await journal.hand(await thisProcess(), checkpoint.runs);
      if (mode !== undefined) await handle.chmod(mode | OWNER_MAY_WRITE);
      if (await giveName(own, shared)) return { location: shared, handle, journal };
      // Somebody began anew meanwhile. Under this name nobody would find it again, so it is not kept.
      await journal.remove();
      return { location: own, handle };
    });
  } catch (error) {
    // What cannot have its name back would be left to nobody.
    if (!(await giveName(own, shared))) await unlink(own).catch(() => undefined);
    throw error;
  }
};

/** Whether a hidden file still has its name: only then may that name be passed on. */
export const holdsItsName = async ({ location, handle }: HiddenFile): Promise<boolean> => {
  const [named, held] = await Promise.all([lstat(location, { bigint: true }), handle.stat({ bigint: true })]);
  return named.ino === held.ino && named.dev === held.dev;
};

const keptLocation = ({ folder, name }: Place): string => `${folder.location}/${keptName(name)}`;

const passingLocation = (folder: string): string => `${folder}/${passingName()}`;

const createUnlessUsed = async (location: string, mode?: number): Promise<FileHandle | undefined> => {
  await clear(location);
  try {
    return await open(location, CREATE_NEW, mode);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return undefined;
  }
};

const clear = (location: string): Promise<void> =>
  withKept(location, async (handle) => {
    if ((await freeJournal(handle)) !== undefined || (await isLeftBehind(handle)))
      await unlink(location).catch(ignoreMissing);
  });

/** Does something with whatever is in a kept part's place; nothing if there is nothing that can be opened. */
const withKept = async <T>(
  location: string,
  use: (handle: FileHandle) => Promise<T | undefined>,
): Promise<T | undefined> => {
  // What cannot be opened is of no use to this transfer; it gets a hidden file of its own.
  const handle = await open(location, OPEN_KEPT).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
};

/** The journal of a part to which nobody writes. */
const freeJournal = async (handle: FileHandle): Promise<PartJournal | undefined> => {
  const stats = await handle.stat();
  const journal = stats.isFile() ? await PartJournal.read(handle) : undefined;
  const owner = journal?.header.owner;
  const isTaken = owner && (await mayStillWrite(owner, Date.now() - stats.mtimeMs));
  return isTaken ? undefined : journal;
};

/**
 * Whether a file is what a crash at the very begin or end of a transfer leaves: one without a journal. It would keep the
 * place for ever. Told by the time of its last change, for the modified time may be another file's already.
 */
const isLeftBehind = async (handle: FileHandle): Promise<boolean> => {
  const stats = await handle.stat();
  if (!stats.isFile() || Date.now() - stats.ctimeMs < LONG_SILENCE_MS) return false;
  return (await PartJournal.read(handle)) === undefined;
};

/** Leaves whoever may still write to a file a file without a name: it can neither spoil nor finish the copy. */
const replaceByCopy = async (location: string, passing: string): Promise<void> => {
  try {
    const { atime, mtime } = await lstat(location);
    await copyFile(location, passing, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    // The copy is silent for as long as what it is of.
    await utimes(passing, atime, mtime);
    await rename(passing, location);
  } catch (error) {
    await unlink(passing).catch(() => undefined);
    throw error;
  }
};

/** Gives a file another name if nothing has it; a link fails where a rename would replace. */
const giveName = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to);
    await unlink(from);
    return true;
  } catch {
    return false;
  }
};

const contentOf = ({ size, modified, algorithm }: PartKeeping) => ({ size, modified, algorithm });

const holds = async (journal: PartJournal, { size, modified, algorithm, runs }: Checkpoint): Promise<boolean> => {
  const { header } = journal;
  const isOfContent = header.size === size && header.modified === modified && header.algorithm === algorithm;
  return isOfContent && journal.holds(runs);
};

const notAsExpected = ({ name }: Place) =>
  new FileError('OFFSET_MISMATCH', `${name}: the unfinished transfer is not as it was, so it cannot be taken up`);

const closingOnError = async <T>(handle: FileHandle, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    await handle.close();
    throw error;
  }
};
