import type { Observable } from 'rxjs';
import type { SluiceError } from '../errors/errors.ts';
import type { DigestName } from '../operators/digest.ts';
import type { Entry, Space } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Sink, Source } from '../streams/flow.ts';
import type { BlockDigests, Checkpoint, ContentIdentity, ContentRange } from '../store/checkpoint.ts';
import type { Leftover } from '../transfer/checkpoints.ts';
import type { OverwritePolicy } from '../transfer/overwrite.ts';
import type { Proof } from '../transfer/proof.ts';
import type { Segment, SegmentSink } from '../transfer/segments.ts';
import type { TreeCount, TreeSink, TreeSource } from '../transfer/tree.ts';

/** What can be asked of a session, in words that belong to no wire format. Paths are checked before they come here. */
export type Command =
  | { readonly type: 'list'; readonly path: RemotePath }
  | { readonly type: 'stat'; readonly path: RemotePath }
  | { readonly type: 'hash'; readonly path: RemotePath; readonly algorithm: DigestName }
  | Download
  | Upload
  | DownloadTree
  | UploadTree
  | { readonly type: 'remove'; readonly path: RemotePath }
  | { readonly type: 'makeFolder'; readonly path: RemotePath }
  | { readonly type: 'removeFolder'; readonly path: RemotePath; readonly recursive: boolean }
  | { readonly type: 'move'; readonly from: RemotePath; readonly to: RemotePath }
  | { readonly type: 'space' }
  | { readonly type: 'ping' };

export interface Download {
  readonly type: 'download';
  readonly path: RemotePath;
  /** What the taker has of it already. `OFFSET_MISMATCH` unless that is of the same content. @default nothing */
  readonly resume?: Checkpoint | undefined;
  /**
   * Where the content goes; asked for once it is certain that content will come. Chunks may be lent: the sink gives each
   * byte back once, by the valve, and reads none afterwards.
   */
  readonly to: (arriving: ArrivingContent) => Sink;
  /** There if the content may come in segments; without it only the leading run of `resume` counts. */
  readonly segments?: DownloadSegments | undefined;
}

export interface DownloadSegments {
  /** In how many it shall come: fewer where fewer blocks are missing, or where there is no place for so many. */
  readonly count: number;
  /** Where the content goes if it comes in segments; asked for in place of `to`. */
  readonly to: (arriving: ArrivingSegments) => SegmentSink;
}

/** Content that is about to come in segments. */
export interface ArrivingSegments extends ContentIdentity {
  /** POSIX permission bits. */
  readonly mode: number;
  readonly ranges: readonly ContentRange[];
  /** What of the content was there and does not come again. */
  readonly have?: Checkpoint | undefined;
  /** There if the segments come in verified blocks. */
  readonly algorithm?: DigestName;
}

/** Content that is about to come, as far as the sender tells. */
export interface ArrivingContent {
  /** The whole content's length in bytes. */
  readonly size?: number | undefined;
  /** In milliseconds since 1970. */
  readonly modified?: number | undefined;
  /** POSIX permission bits. */
  readonly mode?: number | undefined;
  /** Where in the content its first byte stands: what was resumed, or 0. */
  readonly offset: number;
  /** There if the content comes in verified blocks. */
  readonly blocks?: BlockDigests;
}

/** The other end of an upload. */
export interface UploadSender {
  /** Asks for a sign of life; one that has given the upload up does not live. */
  isAlive(): Promise<boolean>;
  /** Ends the upload. */
  dismiss(reason: SluiceError): void;
}

export interface Upload {
  readonly type: 'upload';
  readonly path: RemotePath;
  /**
   * Where the content comes from; asked for once it is certain that it will be taken, with how much of it is there
   * already: only what is behind that shall come. `OFFSET_MISMATCH` if that is not of the same content. Chunks may be
   * lent, as those of a download.
   */
  readonly from: (there: Leftover) => Source;
  /** There if the content may come in segments; without it only its leading run can be gone on with. */
  readonly segments?: UploadSegments | undefined;
  /** There if the content comes in verified blocks. */
  readonly blocks?: BlockDigests | undefined;
  /** Whether to go on where an earlier transfer of the same content (by `size` and `modified`) broke off. @default false */
  readonly resume?: boolean | undefined;
  /** Whoever sends, should its owner come back in another session while this one seems to run. @default always alive */
  readonly sender?: UploadSender | undefined;
  /** Content length in bytes, where it is known. */
  readonly size?: number | undefined;
  /** The source's modified time in milliseconds since 1970, where it is known. */
  readonly modified?: number | undefined;
  /** Whether the stored file gets the source's modified time. @default false */
  readonly keepTime?: boolean | undefined;
  /** Permission bits for the stored file. */
  readonly mode?: number | undefined;
  /** @default 'overwrite' */
  readonly overwrite?: OverwritePolicy | undefined;
  /** Whether the file is forced to the disk before the receipt. @default true */
  readonly fsync?: boolean | undefined;
}

export interface UploadSegments {
  /** As of a download. */
  readonly count: number;
  /** Where the content comes from if it comes in segments, one for each range; asked for in place of `from`. */
  readonly from: (ranges: readonly ContentRange[], there: Leftover) => Observable<readonly Segment[]>;
}

/** A folder and all that is in it, to this side. */
export interface DownloadTree {
  readonly type: 'download-tree';
  readonly path: RemotePath;
  /** Where it goes; asked for once it is certain that something will come. */
  readonly to: () => TreeSink;
}

/** A folder and all that is in it, from this side; what is there and not in it stays. */
export interface UploadTree {
  readonly type: 'upload-tree';
  readonly path: RemotePath;
  /** Where it comes from; subscribed once it is certain that it will be taken. */
  readonly from: TreeSource;
  /** As of an upload. @default always alive */
  readonly sender?: UploadSender | undefined;
  /** For each file. @default 'overwrite' */
  readonly overwrite?: OverwritePolicy | undefined;
  /** Whether each file is forced to the disk before the receipt. @default false */
  readonly fsync?: boolean | undefined;
  /** Whether what is verified of a file is kept if the tree breaks off. @default true */
  readonly resume?: boolean | undefined;
}

/** What a session answers; each command ends with exactly one reply that is not `progress`, or with a typed error. */
export type Reply =
  /** The entries of a folder, to be read as they are needed; ending early frees what the listing holds. */
  | { readonly type: 'listing'; readonly entries: AsyncIterable<Entry> }
  | { readonly type: 'entry'; readonly entry: Entry }
  /** The digest of a file's whole content, in lower-case hexadecimal digits. */
  | { readonly type: 'digest'; readonly digest: string }
  /** Content bytes that a running transfer has safely behind it. */
  | { readonly type: 'progress'; readonly bytes: number }
  /** How a running tree is doing. */
  | ({ readonly type: 'tree-progress' } & TreeCount)
  /** The content arrived and has its name. It was found to be the same on both sides, if not for what `Proof` says. */
  | ({ readonly type: 'completed'; readonly bytes: number } & Proof)
  /** The tree arrived: all of it, or what could be read and kept. */
  | ({ readonly type: 'tree-completed' } & TreeCount)
  /** The overwrite policy says that the target stays as it is. */
  | { readonly type: 'skipped' }
  | { readonly type: 'space'; readonly space: Space }
  | { readonly type: 'done' };

/**
 * One session, near or far: the server's session core is one, and a client's end of a dialect is one, whose answers come
 * over the wire. So dialects, clients and servers are all built on the same few words.
 */
export interface Session {
  /** Runs a command on subscription; unsubscribing cancels it. Errors are typed and end the command, not the session. */
  execute(command: Command): Observable<Reply>;
}
