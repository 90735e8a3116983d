import type { DigestName } from '../operators/digest.ts';
import type { Entry, Space } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Sink, Source } from '../streams/flow.ts';
import type { BlockDigests, Checkpoint, ContentIdentity, ContentRange } from './checkpoint.ts';

/**
 * Where files live. Sessions and transfers know no more about a place than this; the local folder is one, an object
 * store may be another. Every path was checked before it comes here, and every method fails with a typed error
 * (`NOT_FOUND`, `PERMISSION_DENIED`, `NO_SPACE`, ...) whose message names the path.
 */
export interface Store {
  /**
   * The entries of a folder in the store's own order, read as they are asked for, or a few hundred ahead; ending early frees
   * the folder. Names that no path can carry have no entry; `leftOut` is told of each.
   */
  list(path: RemotePath, leftOut?: (name: string) => void): AsyncIterable<Entry>;

  /** What is there. A link that stays inside the store is followed. */
  stat(path: RemotePath): Promise<Entry>;

  /** Opens a file to be read; the caller closes it. */
  open(path: RemotePath): Promise<OpenFile>;

  /**
   * What an earlier transfer to this path has left; nothing if none broke off, or if another one goes on with it. A store
   * that keeps no parts leaves this method out.
   */
  kept?(path: RemotePath): Promise<Checkpoint | undefined>;

  /** Whether its parts take content at any place (`Part.contentAt`). @default false */
  readonly writesAnywhere?: boolean;

  /** Whether unfinished transfers have left something in a folder, which no listing shows. Left out as `kept` is. */
  hasParts?(path: RemotePath): Promise<boolean>;

  /** Removes what unfinished transfers have left and nobody has written to for so long. Left out as `kept` is. */
  expireParts?(olderThanMs: number): Promise<void>;

  /**
   * Begins to write a file that nobody sees before its `commit`; the caller ends it with `commit`, `discard` or
   * `suspend`.
   */
  begin(path: RemotePath, options: PartOptions): Promise<Part>;

  /**
   * All bytes of files of 64 KiB at most: what `open`, `content` and `close` do for each, at one go. Resolves with what could
   * be read so, in their order; any other file takes those. A store that gains nothing by that leaves this method out.
   */
  readSmall?(files: readonly SmallRead[]): Promise<readonly (Buffer | undefined)[]>;

  /**
   * Writes files whose contents, of 64 KiB at most, are all there: what `begin`, the content and `commit` do for each, at one
   * go. Resolves with which of them are there, in their order; any other takes those. A store that gains nothing by that leaves
   * this method out.
   */
  writeSmall?(files: readonly SmallWrite[], options: SmallWriteOptions): Promise<readonly boolean[]>;

  /** Removes one file. */
  remove(path: RemotePath): Promise<void>;

  makeFolder(path: RemotePath): Promise<void>;

  /**
   * Makes a folder unless it is there: what `stat` and `makeFolder` do, at one go. False where it takes those. A store
   * that gains nothing by that leaves this method out.
   */
  ensureFolder?(path: RemotePath): Promise<boolean>;

  /** Removes a folder: an empty one, or with `recursive` all that is in it too. */
  removeFolder(path: RemotePath, options: { readonly recursive: boolean }): Promise<void>;

  /** Gives a file or folder another path, where nothing may be yet. */
  move(from: RemotePath, to: RemotePath): Promise<void>;

  space(): Promise<Space>;
}

/** A file that is open for reading. */
export interface OpenFile {
  /** What the file was when it was opened. */
  readonly entry: Entry;
  /**
   * Its bytes from `start` (default 0) to `end` (default its size). Errors with `SOURCE_CHANGED` if the file became
   * another while it was read.
   */
  content(start?: number, end?: number): Source;
  close(): Promise<void>;
}

export interface PartOptions {
  /** Content length in bytes where it is known: a store without that much room refuses at once. */
  readonly size?: number | undefined;
  /** Modified time to set, in milliseconds since 1970 UTC. @default the time of the last write */
  readonly modified?: number | undefined;
  /** Permission bits to set. @default those of the replaced file, or the system's default */
  readonly mode?: number | undefined;
  /** Whether a file of that name may be replaced. @default true */
  readonly replace?: boolean | undefined;
  /** Whether content and name are forced to the disk before `commit` ends. @default true */
  readonly fsync?: boolean | undefined;
  /** Lets what was verified outlive a transfer that breaks off. @default nothing is kept */
  readonly keep?: PartKeeping | undefined;
}

/** A small file to read, all of it. */
export interface SmallRead {
  readonly path: RemotePath;
  /** In bytes, as it was listed. */
  readonly size: number;
}

/** A small file to write, all of it. */
export interface SmallWrite extends Pick<PartOptions, 'modified' | 'mode'> {
  readonly path: RemotePath;
  readonly bytes: Buffer;
}

/** What small files that are written together have in common. */
export type SmallWriteOptions = Pick<PartOptions, 'replace' | 'fsync'>;

/** What a part that may be taken up again has to know. */
export interface PartKeeping extends ContentIdentity {
  readonly algorithm: DigestName;
  /** The digests of the blocks that `content` takes, as `BlockDigests` has them. */
  readonly digest$?: BlockDigests['digest$'] | undefined;
  readonly withHoles$?: BlockDigests['withHoles$'] | undefined;
  /**
   * Goes on with this checkpoint, whose runs `Store.kept` gave; `begin` fails with `OFFSET_MISMATCH` if one is not there
   * any more, and forgets others. @default an empty part, in place of any older one
   */
  readonly from?: Checkpoint | undefined;
}

/** A file that is being written and has no name yet. */
export interface Part {
  /** Takes the content behind its leading run, once; progress counts from the content's start. Completes when the
   * store has every byte. */
  readonly content: Sink;
  /**
   * The same for the bytes of one range, beside those of others, in place of `content`; `digest$` are those of its blocks, as
   * `withHoles$` has them.
   * The part is whole when every byte came in one way or the other.
   */
  contentAt?(range: ContentRange, digest$?: BlockDigests['withHoles$']): Sink;
  /** Gives the part its name, at one stroke: others see the old file or the whole new one. */
  commit(): Promise<void>;
  /** Removes what was written. Harmless after `commit` or a second time. */
  discard(): Promise<void>;
  /** Ends for now: a part that may be kept and has verified blocks stays for the next try, any other is discarded. */
  suspend(): Promise<void>;
}
