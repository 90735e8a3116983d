import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { FileError } from '../errors/errors.ts';
import { systemCode } from '../errors/from-system.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import { PART_PREFIX } from '../protocol/path.ts';
import type { Checkpoint } from './checkpoint.ts';
import { PartJournal } from './part-journal.ts';
import { mayStillWrite, thisProcess } from './part-owner.ts';
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

/** How far the kept part of a place came; nothing if there is none, or if somebody writes to it. */
export const findKept = (place: Place): Promise<Checkpoint | undefined> =>
  withKept(keptLocation(place), (journal) => journal.checkpoint());

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
  const location = passingLocation(place);
  return { location, handle: await open(location, CREATE_NEW, mode) };
};

/**
 * The kept part of a place, to go on with; `OFFSET_MISMATCH` if it is not as the checkpoint says any more, or another
 * transfer was faster.
 */
export const claimHidden = async (place: Place, checkpoint: Checkpoint): Promise<HiddenFile> => {
  const shared = keptLocation(place);
  const own = passingLocation(place);
  // Of two who want it, only one can move it.
  await rename(shared, own).catch((error: unknown) => {
    throw systemCode(error) === 'ENOENT' ? notAsExpected(place) : error;
  });
  try {
    const handle = await open(own, OPEN_KEPT);
    return await closingOnError(handle, async () => {
      const journal = await freeJournal(handle);
      if (journal === undefined || !isSame(await journal.checkpoint(), checkpoint)) throw notAsExpected(place);
      await journal.hand(await thisProcess(), checkpoint.offset);
      return { location: (await giveName(own, shared)) ? shared : own, handle, journal };
    });
  } catch (error) {
    await giveName(own, shared);
    throw error;
  }
};

/** Whether a hidden file still has its name: only then may that name be passed on. */
export const holdsItsName = async ({ location, handle }: HiddenFile): Promise<boolean> => {
  const [named, held] = await Promise.all([lstat(location, { bigint: true }), handle.stat({ bigint: true })]);
  return named.ino === held.ino && named.dev === held.dev;
};

// One part for each target: a transfer that comes back has to find it by the target's name alone.
const keptLocation = ({ folder, name }: Place): string =>
  `${folder.location}/${PART_PREFIX}${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;

const passingLocation = ({ folder }: Place): string =>
  `${folder.location}/${PART_PREFIX}${randomBytes(8).toString('hex')}`;

const createUnlessUsed = async (location: string, mode?: number): Promise<FileHandle | undefined> => {
  await withKept(location, () => unlink(location));
  try {
    return await open(location, CREATE_NEW, mode);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return undefined;
  }
};

/** Does something with a kept part to which nobody writes; nothing if there is none. */
const withKept = async <T>(
  location: string,
  use: (journal: PartJournal) => Promise<T | undefined>,
): Promise<T | undefined> => {
  // What cannot be opened is of no use to this transfer; it gets a hidden file of its own.
  const handle = await open(location, OPEN_KEPT).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const journal = await freeJournal(handle);
    return journal === undefined ? undefined : await use(journal);
  } finally {
    await handle.close();
  }
};

const freeJournal = async (handle: FileHandle): Promise<PartJournal | undefined> => {
  const stats = await handle.stat();
  const journal = stats.isFile() ? await PartJournal.read(handle) : undefined;
  const owner = journal?.header.owner;
  const isTaken = owner && (await mayStillWrite(owner, Date.now() - stats.mtimeMs));
  return isTaken ? undefined : journal;
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

const isSame = (one: Checkpoint | undefined, other: Checkpoint): boolean =>
  one !== undefined &&
  one.size === other.size &&
  one.modified === other.modified &&
  one.algorithm === other.algorithm &&
  one.offset === other.offset &&
  one.digest === other.digest;

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
