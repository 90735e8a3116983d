import type { Observable } from 'rxjs';
import type { DigestName } from '../operators/digest.ts';

/** What tells one content of a file from another without reading it. */
export interface ContentIdentity {
  /** Bytes. */
  readonly size: number;
  /** When it last changed, in milliseconds since 1970 UTC. */
  readonly modified: number;
}

/** How far a content was received and verified: whole blocks, or all of it. */
export interface Checkpoint extends ContentIdentity {
  /** Bytes that are there; above 0. */
  readonly offset: number;
  readonly algorithm: DigestName;
  /** Digest of the last block before `offset`, in hexadecimal digits. */
  readonly digest: string;
}

/** The digests of a content's blocks as they arrive. */
export interface BlockDigests {
  readonly algorithm: DigestName;
  /** Emits the digest of each block, in order, before the block's last byte is handed on. */
  readonly digest$: Observable<string>;
}
