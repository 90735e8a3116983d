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

/** How far an earlier transfer of the same content to that path came. */
export const findCheckpoint = async (
  store: Store,
  path: RemotePath,
  content: Omit<KeepableContent, 'digest$'>,
): Promise<Checkpoint | undefined> => {
  const kept = await store.kept?.(path);
  return kept !== undefined && kept.algorithm === content.algorithm && isOf(kept, content) ? kept : undefined;
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
    throw mismatch(`the file is not the one of which ${offset} bytes were transferred`);
  const digest = createDigest(algorithm);
  const lastBlock = file.content(Math.floor((offset - 1) / BLOCK_BYTES) * BLOCK_BYTES, offset);
  await lastValueFrom(pump(lastBlock, hash(digest), toNothing()), { defaultValue: undefined });
  if (digest.finish() !== checkpoint.digest)
    throw mismatch(`the file has other bytes before ${offset} than those that were transferred`);
};

const isBlockEnd = ({ offset, size }: Checkpoint): boolean =>
  offset > 0 && (offset % BLOCK_BYTES === 0 || offset === size);

const mismatch = (reason: string) => new FileError('OFFSET_MISMATCH', `cannot go on where it broke off: ${reason}`);
