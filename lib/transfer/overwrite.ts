import { FileError, SluiceError } from '../errors/errors.ts';
import type { Entry } from '../protocol/entry.ts';
import { type RemotePath, formatPath } from '../protocol/path.ts';
import type { Store } from '../store/store.ts';

export const OVERWRITE_POLICIES = ['overwrite', 'skip', 'refuse', 'if-newer'] as const;

/**
 * What to do when the target exists: `overwrite` it, `skip` the transfer, `refuse` it with `EXISTS`, or write only
 * `if-newer`: when the source was modified later than the target.
 */
export type OverwritePolicy = (typeof OVERWRITE_POLICIES)[number];

/**
 * Whether a transfer shall write its target or leave it. Errors with `EXISTS` under `refuse`. `modified` is the
 * source's time in milliseconds since 1970; without it, `if-newer` cannot tell and writes.
 */
export const decideOverwrite = async (
  store: Store,
  path: RemotePath,
  policy: OverwritePolicy,
  modified?: number,
): Promise<'write' | 'skip'> => {
  if (policy === 'overwrite') return 'write';
  const target = await statIfThere(store, path);
  if (target === undefined) return 'write';
  if (policy === 'refuse') throw new FileError('EXISTS', `${formatPath(path)}: already exists and was left as it is`);
  if (policy === 'skip') return 'skip';
  return modified === undefined || modified > target.modified ? 'write' : 'skip';
};

/** What is at a path, or nothing if nothing is. */
export const statIfThere = async (store: Pick<Store, 'stat'>, path: RemotePath): Promise<Entry | undefined> => {
  try {
    return await store.stat(path);
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
};
