import { type Observable, type OperatorFunction, defer } from 'rxjs';
import type { SluiceError } from '../errors/errors.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { BlockDigests } from '../store/checkpoint.ts';
import type { Source } from '../streams/flow.ts';
import { Valve } from '../streams/valve.ts';

/** A file of a tree on its way; paths are seen from the tree's own root. */
export interface TreeFile {
  readonly kind: 'file';
  readonly path: RemotePath;
  /** Bytes. */
  readonly size: number;
  /** In milliseconds since 1970. */
  readonly modified: number;
  readonly mode: number;
  /** All its bytes, once. */
  readonly content: Source;
  /** The same bytes, if they are all there already. */
  readonly whole?: Buffer;
  /** What reads it together with others, if it is small. */
  readonly readSmall?: ReadSmallFiles | undefined;
  /** There if the content comes in verified blocks. */
  readonly blocks?: BlockDigests;
  /** To be called if the content is not wanted (any more), where it comes whether it is or not. */
  readonly drop?: () => void;
}

/**
 * Reads small files of a tree, many at one go. Resolves with what it could read of them, in their order; of any other the bytes
 * come as `content`.
 */
export type ReadSmallFiles = (files: readonly TreeFile[]) => Promise<readonly (Buffer | undefined)[]>;

/** What a tree is made of: folders before what is in them, files, and what could not be read, which harms nothing else. */
export type TreeItem =
  | TreeFile
  | { readonly kind: 'folder'; readonly path: RemotePath }
  | { readonly kind: 'failed'; readonly path: RemotePath; readonly error: SluiceError };

/** How a tree is doing: sums since its start. */
export interface TreeCount {
  /** Files that are safely where they belong. */
  readonly files: number;
  /** Bytes of all files, those under way included. */
  readonly bytes: number;
  /** Of those bytes, what an earlier try had left of the files; missing if nothing. */
  readonly resumed?: number;
  /** Files that stay as they are. */
  readonly skipped: number;
  /** Items that could not be read or kept. */
  readonly failed: number;
  /** What has just failed. */
  readonly problem?: TreeProblem;
}

/** Something of a tree that could not be read or kept, and why. */
export interface TreeProblem {
  readonly path: RemotePath;
  readonly error: SluiceError;
}

/** Where a tree comes from: cold, gives items only while `open$` says so. */
export type TreeSource = (valve: Valve) => Observable<TreeItem>;

/** Where a tree goes: holds the items it has not finished in the valve, and completes when all of them are. */
export type TreeSink = (valve: Valve) => OperatorFunction<TreeItem, TreeCount>;

/** Moves a tree as `pump` moves bytes: items, and their bytes, come as the sink takes them. Holds about 4 MiB. */
export const pumpTree = (source: TreeSource, sink: TreeSink): Observable<TreeCount> =>
  defer(() => {
    const valve = new Valve();
    return source(valve).pipe(sink(valve));
  });

// So that about a hundred small files are under way at a time that are still to be read: enough to do what each needs in one go
// for many.
const ITEM_BYTES = 16 * 1024;
// Of one that is all there: some hundred wait for their turn to be written.
const WHOLE_ITEM_BYTES = 4 * 1024;

/**
 * What an item that is under way counts for in the valve: so few are begun at a time that neither open files, nor small
 * contents that came whole, nor a million names can pile up. The bytes of larger ones are counted as they come: an item
 * that waits for more of them must not itself keep the valve closed.
 */
export const weightOf = (item: TreeItem): number => {
  if (item.kind !== 'file' || item.size > BLOCK_BYTES) return ITEM_BYTES;
  return (item.whole === undefined ? ITEM_BYTES : WHOLE_ITEM_BYTES) + item.size;
};
