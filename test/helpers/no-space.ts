import fs, { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import type { TestContext } from 'node:test';

/** A call of the file system in which a disk can turn out to be full. */
export type FullAt =
  /** The `nth` flush of a file's content, from 1. */
  | { readonly type: 'fsync'; readonly nth: number }
  /** The rename that gives a file its name. */
  | { readonly type: 'rename'; readonly to: string }
  /** The flush of a folder. */
  | { readonly type: 'folder-fsync' };

const noSpace = (syscall: string): Error =>
  Object.assign(new Error(`ENOSPC: no space left on device, ${syscall}`), { errno: -28, code: 'ENOSPC', syscall });

/** Has one call of this process fail as the system fails it on a full disk. Gives how often it did, 0 or 1. */
export const fillDiskAt = async (test: TestContext, at: FullAt): Promise<() => number> => {
  let failed = 0;
  const fail = (syscall: string): Error => {
    failed += 1;
    return noSpace(syscall);
  };
  if (at.type === 'rename') {
    const { rename } = fs;
    replace(test, fs, 'rename', async (from, to) => {
      if (failed === 0 && basename(String(to)) === at.to) throw fail('rename');
      return rename(from, to);
    });
    return () => failed;
  }
  const handle = await open('.');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the handle that it is called on
  const { sync } = prototype;
  let left = at.type === 'fsync' ? at.nth : 1;
  replace(test, prototype, 'sync', async function (this: FileHandle) {
    const isFolder = (await this.stat()).isDirectory();
    if (isFolder === (at.type === 'folder-fsync') && (left -= 1) === 0) throw fail('fsync');
    return sync.call(this);
  });
  return () => failed;
};

/** Puts another function in place until the test ends, also for whoever has imported it by name. */
const replace = <T extends object, K extends keyof T>(test: TestContext, owner: T, name: K, other: T[K]): void => {
  const original = owner[name];
  const put = (value: T[K]) => {
    owner[name] = value;
    syncBuiltinESMExports();
  };
  put(other);
  test.after(() => put(original));
};
