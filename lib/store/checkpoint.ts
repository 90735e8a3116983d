import type { Observable } from 'rxjs';
import type { SluiceError } from '../errors/errors.ts';
import type { DigestName } from '../operators/digest.ts';

/** What tells one content of a file from another without reading it. */
export interface ContentIdentity {
  /** Bytes. */
  readonly size: number;
  /** When it last changed, in milliseconds since 1970 UTC. */
  readonly modified: number;
}

/** Bytes of a content: whole blocks, or from a block's start to the content's end. */
export interface ContentRange {
  readonly offset: number;
  /** The byte after the last one. */
  readonly end: number;
}

/** Blocks of a content that were received and verified, one behind the other. */
export interface VerifiedRun extends ContentRange {
  /** Digest of its last block, in hexadecimal digits. */
  readonly digest: string;
}

/** How much of a content was received and verified. */
export interface Checkpoint extends ContentIdentity {
  readonly algorithm: DigestName;
  /** What is there, in order; at least one, and no two that touch. */
  readonly runs: readonly VerifiedRun[];
}

/** The digests of a content's blocks as they arrive. */
export interface BlockDigests {
  readonly algorithm: DigestName;
  /** Emits the digest of each block, in order, before the block's last byte is handed on. */
  readonly digest$: Observable<string>;
  /**
   * The same for whoever can leave a block out: in place of the digest of one that was broken on its way it emits why. Its
   * bytes only keep the others in their places, and the content errors behind its last byte. Where nobody subscribes it, the
   * first broken block ends the content.
   */
  readonly withHoles$?: Observable<string | SluiceError>;
}

/** The run at a content's start, behind which one connection can go on; nothing if its first block is missing. */
export const leadingRun = (checkpoint: Checkpoint | undefined): VerifiedRun | undefined =>
  checkpoint?.runs.find(({ offset }) => offset === 0);

/** How many bytes all of the ranges have. */
export const bytesIn = (ranges: readonly ContentRange[]): number =>
  ranges.reduce((bytes, { offset, end }) => bytes + end - offset, 0);
