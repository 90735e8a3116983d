import { type Stats, constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, readdir, rename, rmdir, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import { systemCode } from '../errors/from-system.ts';
import { SMALL_FILE_BYTES } from '../protocol/block.ts';
import type { Entry, Space } from '../protocol/entry.ts';
import { MAX_SEGMENTS, PART_PREFIX, type RemotePath, checkSegment, formatPath } from '../protocol/path.ts';
import { fromChunks } from '../streams/from-chunks.ts';
import { pump } from '../streams/pump.ts';
import type { Checkpoint } from './checkpoint.ts';
import { entryOf } from './entry-of.ts';
import { removeDeadParts, removeExpired } from './expire-parts.ts';
import { findKept, removeKept } from './hidden-file.ts';
import { inBatches } from './in-batches.ts';
import { LocalFile } from './local-file.ts';
import { LocalPart } from './local-part.ts';
import { OPEN_FOLDER, OPEN_TO_READ } from './open-flags.ts';
import { PartHold, partsLetGo } from './part-hold.ts';
import { type Folder, PathGate, heldLocation, isLinkRefusal, namingErrors } from './path-gate.ts';
import { readByThread, writeByThread } from './small/by-thread.ts';
import { folderThread } from './small/folder-thread.ts';
import { undecodedNames } from './undecoded-names.ts';
import type { JobFolder } from './small/jobs.ts';
import { SmallFile } from './small/small-file.ts';
import { SmallPart } from './small/small-part.ts';
import type { OpenFile, Part, PartOptions, SmallRead, SmallWrite, SmallWriteOptions, Store } from './store.ts';

// Entries of a folder that is listed in one go, in some 30 KB.
const FEW = 256;

/**
 * A store in a folder of this machine. All access goes through a `PathGate`; files appear whole or not at all, by way of
 * hidden part files beside their target.
 */
export class LocalFolderStore implements Store {
  readonly #gate: PathGate;
  readonly #partsInUse = new Set<string>();

  private constructor(gate: PathGate) {
    this.#gate = gate;
  }

  /**
   * A store for an existing folder; `NOT_FOUND` or `NOT_A_FOLDER` if there is none. `show` is how error messages write
   * a path. @default as seen from the root: `/pub/big.iso`
   */
  static async open(root: string, show: (path: RemotePath) => string = formatPath): Promise<LocalFolderStore> {
    return new LocalFolderStore(await PathGate.for(root, show));
  }

  /** The same for a folder that was found just now, by its real path. */
  static at(realRoot: string, show: (path: RemotePath) => string): LocalFolderStore {
    return new LocalFolderStore(PathGate.at(realRoot, show));
  }

  /** `PERMISSION_DENIED` where nobody could be shown what is in the folder. */
  async assertReadable(): Promise<void> {
    const { root } = this.#gate;
    await namingErrors(root, 'cannot read folder', async () => {
      await (await opendir(root)).close();
      // To list names takes less than to reach what has them.
      await lstat(`${root}/.`);
    });
  }

  readonly writesAnywhere = true;

  /** The real path of the folder. */
  get root(): string {
    return this.#gate.root;
  }

  /** Names that no request could carry, and part files, are left out. */
  async *list(path: RemotePath, leftOut?: (name: string) => void): AsyncGenerator<Entry, void, undefined> {
    const few = await folderThread.do('list', { root: this.root, names: path }, { atMost: FEW });
    if (few === undefined) {
      for await (const batch of this.#listAny(path, leftOut)) for (const entry of batch) yield entry;
      return;
    }
    if (leftOut) for (const name of few.undecoded) leftOut(name);
    yield* few.entries.filter(({ name }) => isListed(name, leftOut));
  }

  async *#listAny(path: RemotePath, leftOut?: (name: string) => void): AsyncGenerator<Entry[], void, undefined> {
    const act = 'cannot read folder';
    const folder = await namingErrors(this.#gate.show(path), act, () => this.#gate.openFolder(path));
    try {
      const names = await namingErrors(this.#gate.show(path), act, () => opendir(folder.location, { bufferSize: 256 }));
      yield* inBatches(names, async (batch) => {
        const listed = batch.filter((name) => isListed(name, leftOut));
        const entries = await this.#entriesOf(path, folder, listed);
        if (leftOut) for (const name of undecodedNames(listed, entries)) leftOut(name);
        return entries;
      });
    } finally {
      await folder.handle.close();
    }
  }

  async stat(path: RemotePath): Promise<Entry> {
    const act = 'cannot read';
    const name = path.at(-1);
    if (name === undefined)
      return this.#gate.inFolder(path, act, async (folder) => entryOf('', await folder.handle.stat()));
    const [entry] = (await folderThread.do('entries', this.#folderOf(path), { of: [name] })) ?? [];
    if (entry !== undefined && entry.kind !== 'link') return entry;
    return this.#gate.atPlace(path, act, async ({ location }) => {
      const stats = await lstat(location);
      if (!stats.isSymbolicLink()) return entryOf(name, stats);
      return entryOf(name, (await this.#statInside(location, path)) ?? stats);
    });
  }

  async open(path: RemotePath): Promise<OpenFile> {
    const name = path.at(-1);
    if (name === undefined) throw isAFolder(this.#gate.show(path));
    const small = await folderThread.do('open', this.#folderOf(path), { name });
    if (small !== undefined) return new SmallFile(small.entry, small.bytes);
    const handle = await this.#openToRead(path);
    try {
      const stats = await handle.stat();
      if (stats.isDirectory()) throw isAFolder(this.#gate.show(path));
      if (!stats.isFile()) throw new FileError('NOT_A_FILE', `${this.#gate.show(path)}: is a device, not a file`);
      return new LocalFile(handle, entryOf(name, stats), this.#gate.show(path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  readSmall(files: readonly SmallRead[]): Promise<readonly (Buffer | undefined)[]> {
    return readByThread(this.root, files);
  }

  async kept(path: RemotePath): Promise<Checkpoint | undefined> {
    const name = path.at(-1);
    if (name === undefined) return undefined;
    await partsLetGo(this.#locationOf(path));
    if ((await folderThread.do('hasKept', this.#folderOf(path), { name })) === false) return undefined;
    return this.#gate.atPlace(path, 'cannot read', findKept);
  }

  async hasParts(path: RemotePath): Promise<boolean> {
    return this.#gate.inFolder(path, 'cannot read folder', async ({ location }) => {
      for await (const { name } of await opendir(location)) if (name.startsWith(PART_PREFIX)) return true;
      return false;
    });
  }

  /** Folders that cannot be read are passed over, and so is one that is gone when its turn comes. */
  async expireParts(olderThanMs: number): Promise<void> {
    const folders: RemotePath[] = [[]];
    for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
      const here = path;
      const found = await this.#gate
        .inFolder(here, 'cannot read', ({ location }) => removeExpired(location, olderThanMs, this.#partsInUse))
        .catch(() => []);
      for (const name of found) if (isListed(name) && here.length < MAX_SEGMENTS) folders.push([...here, name]);
    }
  }

  /** Removes dead parts of one folder that may be other programs' too; of a large folder, among its first names only. */
  async expirePartsIn(path: RemotePath, olderThanMs: number): Promise<void> {
    await this.#gate.inFolder(path, 'cannot read folder', ({ location }) => removeDeadParts(location, olderThanMs));
  }

  async begin(path: RemotePath, options: PartOptions): Promise<Part> {
    const name = path.at(-1);
    const { size = Infinity, modified, mode } = options;
    const isSmall =
      name !== undefined &&
      size <= SMALL_FILE_BYTES &&
      (await folderThread.do('check', this.#folderOf(path), { name }));
    if (isSmall !== true) return this.#beginPart(path, options);
    return new SmallPart(async (bytes) => {
      const [isWritten] = await this.writeSmall([{ path, bytes, modified, mode }], options);
      if (isWritten !== true) await this.#writePart(path, bytes, options);
    });
  }

  async writeSmall(files: readonly SmallWrite[], options: SmallWriteOptions): Promise<boolean[]> {
    const results = await writeByThread(this.root, files, options);
    const isWritten: boolean[] = [];
    for (const [index, { path }] of files.entries()) {
      const result = results[index];
      if (result === 'kept') await this.#gate.atPlace(path, 'cannot write', removeKept).catch(() => undefined);
      isWritten.push(result !== 'undone');
    }
    return isWritten;
  }

  async #writePart(path: RemotePath, bytes: Buffer, options: PartOptions): Promise<void> {
    const part = await this.#beginPart(path, options);
    try {
      await lastValueFrom(pump(fromChunks([bytes]), part.content), { defaultValue: undefined });
      await part.commit();
    } finally {
      await part.discard();
    }
  }

  async #beginPart(path: RemotePath, options: PartOptions): Promise<Part> {
    if (path.length === 0) throw isAFolder(this.#gate.show(path));
    const hold = options.keep && new PartHold(this.#locationOf(path));
    try {
      const part = await namingErrors(this.#gate.show(path), 'cannot write', async () => {
        const place = await this.#gate.openPlace(path);
        return LocalPart.begin(place, this.#gate.show(path), options, this.#partsInUse);
      });
      return hold?.of(part) ?? part;
    } catch (error) {
      hold?.release();
      throw error;
    }
  }

  async remove(path: RemotePath): Promise<void> {
    await this.#gate.atPlace(path, 'cannot delete', async (place) => {
      if ((await lstat(place.location)).isDirectory()) throw isAFolder(this.#gate.show(path));
      await unlink(place.location);
      await removeKept(place).catch(() => undefined);
    });
  }

  async makeFolder(path: RemotePath): Promise<void> {
    await this.#gate.atPlace(path, 'cannot make folder', ({ location }) => mkdir(location));
  }

  async ensureFolder(path: RemotePath): Promise<boolean> {
    const name = path.at(-1);
    return name !== undefined && (await folderThread.do('ensureFolder', this.#folderOf(path), { name })) === true;
  }

  async removeFolder(path: RemotePath, { recursive }: { readonly recursive: boolean }): Promise<void> {
    await this.#gate.atPlace(path, 'cannot remove folder', async ({ location }) => {
      if (recursive) await emptyFolder(location);
      else await removeLeftovers(location);
      await rmdir(location);
    });
  }

  async move(from: RemotePath, to: RemotePath): Promise<void> {
    if (from.every((segment, index) => segment === to[index]) && to.length > from.length)
      throw new FileError('PATH_INVALID', `${this.#gate.show(from)}: cannot move a folder into itself`);
    await this.#gate.atPlace(from, 'cannot move', async (source) => {
      await lstat(source.location);
      await this.#gate.atPlace(to, 'cannot move there', async (target) => {
        if (await exists(target.location))
          throw new FileError('EXISTS', `${this.#gate.show(to)}: already exists, so nothing was moved`);
        await rename(source.location, target.location);
      });
    });
  }

  async space(): Promise<Space> {
    const { bavail, blocks, bsize } = await namingErrors(this.root, 'cannot read the free space', () =>
      statfs(this.root),
    );
    return { free: bavail * bsize, total: blocks * bsize };
  }

  /** Tells places of this machine apart; what is there is only ever reached through the gate. */
  #locationOf(path: RemotePath): string {
    return join(this.root, ...path);
  }

  #folderOf(path: RemotePath): JobFolder {
    return { root: this.root, names: path.slice(0, -1) };
  }

  async #entriesOf(path: RemotePath, folder: Folder, names: readonly string[]): Promise<Entry[]> {
    return (
      (await folderThread.do('entries', { root: this.root, names: path }, { of: names })) ?? entriesOf(folder, names)
    );
  }

  async #openToRead(path: RemotePath): Promise<FileHandle> {
    return this.#gate.atPlace(path, 'cannot read', async ({ location }) => {
      try {
        return await open(location, OPEN_TO_READ);
      } catch (error) {
        if (!isLinkRefusal(error)) throw error;
      }
      // The link's target was resolved once, and is opened through the gate like any path: without following links.
      const target = await this.#gate.followLink(location, path);
      return this.#gate.atPlace(target, 'cannot read', (place) => open(place.location, OPEN_TO_READ));
    });
  }

  /** What a link stands for, or nothing if it leads nowhere or out of the root. */
  async #statInside(location: string, path: RemotePath): Promise<Stats | undefined> {
    try {
      // Not through the link again: it may lead elsewhere by now.
      const target = await this.#gate.followLink(location, path);
      if (target.length === 0) return await this.#gate.inFolder(target, 'cannot read', ({ handle }) => handle.stat());
      return await this.#gate.atPlace(target, 'cannot read', (place) => lstat(place.location));
    } catch {
      return undefined;
    }
  }
}

const isAFolder = (shownPath: string) => new FileError('NOT_A_FILE', `${shownPath}: is a folder, not a file`);

const isListed = (name: string, leftOut?: (name: string) => void): boolean => {
  if (name.startsWith(PART_PREFIX)) return false;
  try {
    checkSegment(name);
    return true;
  } catch {
    leftOut?.(name);
    return false;
  }
};

const entriesOf = async (folder: Folder, names: readonly string[]): Promise<Entry[]> => {
  const entries = await Promise.all(
    names.map(async (name) => {
      try {
        return entryOf(name, await lstat(`${folder.location}/${name}`));
      } catch {
        // Gone since the folder was read, or a name that is not Unicode: neither can be asked for.
        return undefined;
      }
    }),
  );
  return entries.filter((entry) => entry !== undefined);
};

const exists = async (location: string): Promise<boolean> => {
  try {
    await lstat(location);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
};

/**
 * Removes part files where nothing else is: what a killed program left behind is in no listing, and a folder that looks
 * empty can be removed. Nobody writes there, because the folder is locked while it is removed.
 */
const removeLeftovers = async (location: string): Promise<void> => {
  await inRealFolder(location, async (held) => {
    const names = await readdir(held);
    if (!names.every((name) => name.startsWith(PART_PREFIX))) return;
    for (const name of names) await unlink(`${held}/${name}`);
  });
};

const OPEN_REAL_FOLDER = OPEN_FOLDER | constants.O_NOFOLLOW;

/** Removes everything in a folder, going down through held folders only, so that no link is ever followed. */
const emptyFolder = async (location: string | Buffer): Promise<void> => {
  await inRealFolder(location, async (held) => {
    // As bytes: a name that is not Unicode would not be found by its text.
    for await (const dirent of await opendir(held, { encoding: 'buffer' as BufferEncoding })) {
      const child = Buffer.concat([Buffer.from(`${held}/`), Buffer.from(dirent.name)]);
      if (!dirent.isDirectory()) await unlink(child);
      else {
        await emptyFolder(child);
        await rmdir(child);
      }
    }
  });
};

/** Does something in a folder that is held meanwhile and is no link. */
const inRealFolder = async (location: string | Buffer, use: (held: string) => Promise<void>): Promise<void> => {
  const handle = await open(location, OPEN_REAL_FOLDER);
  try {
    await use(heldLocation(handle, location.toString()));
  } finally {
    await handle.close();
  }
};
