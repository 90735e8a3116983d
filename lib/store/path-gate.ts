import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join, relative, sep } from 'node:path';
import { FileError } from '../errors/errors.ts';
import { fileError, systemCode } from '../errors/from-system.ts';
import { type RemotePath, checkPath } from '../protocol/path.ts';
import { OPEN_FOLDER } from './open-flags.ts';

/** A folder inside the root that is held open, so that it stays the same folder whatever happens to its name. */
export interface Folder {
  /** A path to it for file-system calls: names below it are looked up in the folder that is held. */
  readonly location: string;
  readonly handle: FileHandle;
}

/** One name in a held folder. */
export interface Place {
  readonly folder: Folder;
  readonly name: string;
  /** Folder and name as one path for file-system calls. */
  readonly location: string;
}

/**
 * Whether a name below /proc/self/fd/N is looked up in the open folder N, as openat(2) would: then what was checked is
 * what is used, even if somebody swaps a folder of the path for a link in between. Other systems offer Node no such door,
 * so there a swap between the check and the use can go unnoticed.
 */
export const HELD_FOLDERS = platform() === 'linux';

/**
 * The only way from a remote path to the file system: resolves inside a root and refuses, with `PATH_OUTSIDE_ROOT`,
 * whatever would lead out of it through symbolic links, in the middle of a path or at its end.
 */
export class PathGate {
  readonly root: string;
  /** How error messages write a path. */
  readonly show: (path: RemotePath) => string;

  private constructor(root: string, show: (path: RemotePath) => string) {
    this.root = root;
    this.show = show;
  }

  /** A gate for an existing folder; `NOT_FOUND` or `NOT_A_FOLDER` if there is none. */
  static async for(folder: string, show: (path: RemotePath) => string): Promise<PathGate> {
    const [root, stats] = await namingErrors(folder, 'cannot open folder', () =>
      Promise.all([realpath(folder), stat(folder)]),
    );
    if (!stats.isDirectory()) throw new FileError('NOT_A_FOLDER', `${folder}: is not a folder`);
    return new PathGate(root, show);
  }

  /** A gate for a folder that is known to be one, by its real path. */
  static at(root: string, show: (path: RemotePath) => string): PathGate {
    return new PathGate(root, show);
  }

  /** Opens a folder that is certainly inside the root; the caller closes its handle. */
  async openFolder(path: RemotePath): Promise<Folder> {
    const location = join(this.root, ...path);
    const handle = await open(location, OPEN_FOLDER).catch(async (error: unknown) => {
      await this.#assertNoWayOut(path);
      throw error;
    });
    try {
      const real = HELD_FOLDERS ? await readlink(heldLocation(handle, location)) : await realpath(location);
      this.#assertInside(real, path);
      return { location: heldLocation(handle, real), handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Opens the folder around a path's last name; the caller closes its handle. The root itself has no place. */
  async openPlace(path: RemotePath): Promise<Place> {
    const name = path.at(-1);
    if (name === undefined)
      throw new FileError('PERMISSION_DENIED', `${this.show(path)}: the root folder itself cannot be changed`);
    const folder = await this.openFolder(path.slice(0, -1));
    return { folder, name, location: `${folder.location}/${name}` };
  }

  /** Does something in a folder that is held meanwhile; `act` names what for the error ("cannot remove"). */
  async inFolder<T>(path: RemotePath, act: string, use: (folder: Folder) => Promise<T>): Promise<T> {
    return namingErrors(this.show(path), act, async () => {
      const folder = await this.openFolder(path);
      try {
        return await use(folder);
      } finally {
        await folder.handle.close();
      }
    });
  }

  /** Does something with a name in a folder that is held meanwhile. */
  async atPlace<T>(path: RemotePath, act: string, use: (place: Place) => Promise<T>): Promise<T> {
    return namingErrors(this.show(path), act, async () => {
      const place = await this.openPlace(path);
      try {
        return await use(place);
      } finally {
        await place.folder.handle.close();
      }
    });
  }

  /** Where a symbolic link leads, as a path inside the root; `PATH_OUTSIDE_ROOT` if it leads out. */
  async followLink(location: string, path: RemotePath): Promise<RemotePath> {
    const real = await realpath(location);
    this.#assertInside(real, path);
    return checkPath(real === this.root ? [] : relative(this.root, real).split(sep));
  }

  // A path that fails beyond a link out of the root must not tell what is there and what is not.
  async #assertNoWayOut(path: RemotePath): Promise<void> {
    for (let length = 1; length <= path.length; length += 1) {
      const real = await realpath(join(this.root, ...path.slice(0, length))).catch(() => undefined);
      if (real === undefined) return;
      this.#assertInside(real, path);
    }
  }

  #assertInside(real: string, path: RemotePath): void {
    if (!isInside(this.root, real))
      throw new FileError('PATH_OUTSIDE_ROOT', `${this.show(path)}: leads out of the folder`);
  }
}

/** Whether a real path is a folder's own or below it. */
export const isInside = (root: string, real: string): boolean =>
  real === root || real.startsWith(root === sep ? sep : root + sep);

/** A path to an open folder itself, whatever stands at `location` by now (where the system has such paths). */
export const heldLocation = (handle: FileHandle, location: string): string =>
  HELD_FOLDERS ? `/proc/self/fd/${handle.fd}` : location;

/** Runs a file operation so that its errors name the remote path instead of a place on this machine. */
export const namingErrors = async <T>(shownPath: string, act: string, operation: () => Promise<T>): Promise<T> => {
  try {
    return await operation();
  } catch (error) {
    throw fileError(error, `${shownPath}: ${act}`, act.includes('read') ? 'READ_FAILED' : 'WRITE_FAILED');
  }
};

/** Whether a file operation failed because its last name is a symbolic link that it was told not to follow. */
export const isLinkRefusal = (error: unknown): boolean => systemCode(error) === 'ELOOP';
