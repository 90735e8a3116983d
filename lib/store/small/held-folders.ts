import { closeSync, openSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { OPEN_FOLDER } from '../open-flags.ts';
import { isInside } from '../path-gate.ts';
import type { JobFolder } from './jobs.ts';

// Of a process that may have a thousand files open.
const MOST_HELD = 16;

/** Folders of stores, held open: what was checked to be inside the root is what is used, until they are closed. */
export class HeldFolders {
  readonly #held = new Map<string, number>();
  // Not by way of /proc/self, a link that every call would follow anew: that takes 1.8 of the 29 µs that a small file costs.
  readonly #own = `/proc/${readlinkSync('/proc/self')}/fd`;

  /** A path to the folder itself, whatever its name leads to by now, until the next one; throws if it leads out of the root. */
  at({ root, names }: JobFolder): string {
    const path = join(root, ...names);
    // One folder may be inside of one store and outside of another.
    const key = `${root}\0${path}`;
    let fd = this.#held.get(key);
    if (fd === undefined) {
      if (this.#held.size === MOST_HELD) this.close();
      fd = this.#open(root, path);
      this.#held.set(key, fd);
    }
    return this.#locationOf(fd);
  }

  close(): void {
    for (const fd of this.#held.values()) closeSync(fd);
    this.#held.clear();
  }

  #open(root: string, path: string): number {
    const fd = openSync(path, OPEN_FOLDER);
    try {
      if (isInside(root, readlinkSync(this.#locationOf(fd)))) return fd;
      throw new Error('leads out of the root');
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #locationOf(fd: number): string {
    return `${this.#own}/${fd}`;
  }
}
