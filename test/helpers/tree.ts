import { lstat, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Observable, lastValueFrom, tap } from 'rxjs';
import type { TreeProgress } from '../../lib/index.ts';
import { sha256 } from './raw-peer.ts';

/** Contents by path; a path that ends in `/` is an empty folder. */
export type TreeFiles = Readonly<Record<string, string | Buffer>>;

/** Makes files, and the folders around them. */
export const makeTree = async (folder: string, files: TreeFiles): Promise<void> => {
  for (const [path, content] of Object.entries(files)) {
    const place = join(folder, path);
    await mkdir(path.endsWith('/') ? place : dirname(place), { recursive: true });
    if (!path.endsWith('/')) await writeFile(place, content);
  }
};

/** What is in a folder: for each path its kind, or its content's digest, time and permissions. */
export const readTree = async (folder: string): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const place = join(entry.parentPath, entry.name);
    const { mode, mtimeMs } = await lstat(place);
    const about = entry.isFile()
      ? `${(mode & 0o777).toString(8)} ${Math.round(mtimeMs)} ${sha256(await readFile(place))}`
      : entry.isDirectory()
        ? 'folder'
        : 'other';
    found.set(place.slice(folder.length + 1), about);
  }
  return new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
};

export interface TreeOutcome {
  readonly last: TreeProgress;
  /** `path CODE` of each problem, in the order of the paths. */
  readonly problems: readonly string[];
}

/** Runs a tree to its end. */
export const runTree = async (progress$: Observable<TreeProgress>): Promise<TreeOutcome> => {
  const problems: string[] = [];
  const last = await lastValueFrom(
    progress$.pipe(
      tap(({ state, problem }) => {
        if (problem && state !== 'waiting') problems.push(`${problem.path.join('/')} ${problem.error.code}`);
      }),
    ),
  );
  return { last, problems: problems.sort() };
};
