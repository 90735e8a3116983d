import { type Observable, concat, defer, ignoreElements, lastValueFrom } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import { availableDigests, createDigest } from '../operators/digest.ts';
import { hash } from '../operators/hash.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { BlockDigests, Checkpoint, ContentIdentity } from '../store/checkpoint.ts';
import type { OpenFile, Store } from '../store/store.ts';
import type { Source } from '../streams/flow.ts';
import { pump } from '../streams/pump.ts';
import { toNothing } from '../streams/to-nothing.ts';
import type { Valve } from '../streams/valve.ts';

/** A content that can be taken up again if its transfer breaks off: one that its blocks, length and time tell apart. */
export type KeepableContent = ContentIdentity & BlockDigests;

/** What is known of a content as a keepable one, or nothing if that is too little. */
export const keepable = (
  { size, modified }: { readonly size?: number | undefined; readonly modified?: number | undefined },
  blocks: BlockDigests,
): KeepableContent | undefined =>
  size === undefined || modified === undefined ? undefined : { size, modified, ...blocks };

/** What an earlier transfer to a path has left. */
export interface Leftover {
  /** How far it came, if it was of the same content. */
  readonly have?: Checkpoint;
  /** How many bytes it had, if it was of a content of another length or time: they go with the next transfer. */
  readonly dropped?: number;
}

/** What an earlier transfer to that path has left for, or of another content than, the one that is about to come. */
export const findLeftover = async (
  store: Store,
  path: RemotePath,
  content: Omit<KeepableContent, 'digest$'>,
): Promise<Leftover> => {
  const kept = await store.kept?.(path);
  if (kept === undefined) return {};
  if (!isOf(kept, content)) return { dropped: kept.offset };
  return kept.algorithm === content.algorithm ? { have: kept } : {};
};

const isOf = (checkpoint: Checkpoint, { size, modified }: ContentIdentity): boolean =>
  checkpoint.size === size && checkpoint.modified === modified && checkpoint.offset <= size;

/**
 * The content of a file behind a checkpoint. Before the first byte, and whatever the checkpoint claims, size, time and
 * the last block before it are compared: `OFFSET_MISMATCH` if they differ. What is before that block is not read again.
 */
export const contentBehind = (file: OpenFile, checkpoint: Checkpoint): Source => {
  const content = file.content(checkpoint.offset);
  const check$ = defer(() => assertSameContent(file, checkpoint)).pipe(ignoreElements());
  const plain: Source = (open$: Observable<boolean>) => concat(check$, content(open$));
  const { lend } = content;
  return lend === undefined ? plain : Object.assign(plain, { lend: (valve: Valve) => concat(check$, lend(valve)) });
};

/** Rejects with `OFFSET_MISMATCH` unless a checkpoint is one of the file. */
export const assertSameContent = async (file: OpenFile, checkpoint: Checkpoint): Promise<void> => {
  const { offset, algorithm } = checkpoint;
  if (!isOf(checkpoint, file.entry) || !isBlockEnd(checkpoint) || !availableDigests().includes(algorithm))
    throw otherContent(offset);
  const digest = createDigest(algorithm);
  const lastBlock = file.content(Math.floor((offset - 1) / BLOCK_BYTES) * BLOCK_BYTES, offset);
  await lastValueFrom(pump(lastBlock, hash(digest), toNothing()), { defaultValue: undefined });
  if (digest.finish() !== checkpoint.digest)
    throw mismatch(`the file has other bytes before ${offset} than those that were transferred`);
};

const isBlockEnd = ({ offset, size }: Checkpoint): boolean =>
  offset > 0 && (offset % BLOCK_BYTES === 0 || offset === size);

/** Why a transfer of which so many bytes were there cannot go on with them. */
export const otherContent = (bytes: number): FileError =>
  mismatch(`the file is not the one of which ${bytes} bytes were transferred`);

const mismatch = (reason: string) => new FileError('OFFSET_MISMATCH', `cannot go on where it broke off: ${reason}`);
