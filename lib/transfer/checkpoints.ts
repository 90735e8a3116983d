import { type Observable, concat, defer, ignoreElements, lastValueFrom } from 'rxjs';
import { FileError } from '../errors/errors.ts';
import { availableDigests, createDigest } from '../operators/digest.ts';
import { hash } from '../operators/hash.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import type { RemotePath } from '../protocol/path.ts';
import {
  type BlockDigests,
  type Checkpoint,
  type ContentIdentity,
  type VerifiedRun,
  bytesIn,
  leadingRun,
} from '../store/checkpoint.ts';
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
  /** What is there of it, if it was of the same content. */
  readonly have?: Checkpoint | undefined;
  /** How many bytes it had, if it was of a content of another length or time: they go with the next transfer. */
  readonly dropped?: number | undefined;
}

/** What an earlier transfer to that path has left for, or of another content than, the one that is about to come. */
export const findLeftover = async (
  store: Store,
  path: RemotePath,
  content: Omit<KeepableContent, 'digest$'>,
): Promise<Leftover> => {
  const kept = await store.kept?.(path);
  if (kept === undefined) return {};
  if (!isOf(kept, content)) return { dropped: bytesIn(kept.runs) };
  return kept.algorithm === content.algorithm ? { have: kept } : {};
};

const isOf = (checkpoint: Checkpoint, { size, modified }: ContentIdentity): boolean =>
  checkpoint.size === size && checkpoint.modified === modified;

/** What of a checkpoint one connection can go on with; nothing if the first block is missing. */
export const leadingPart = (checkpoint: Checkpoint | undefined): Checkpoint | undefined => {
  const run = leadingRun(checkpoint);
  return checkpoint && run && { ...checkpoint, runs: [run] };
};

/**
 * The content of a file behind a checkpoint's leading run. Before the first byte, and whatever the checkpoint claims, it is
 * compared with the file as `assertSameContent` does: `OFFSET_MISMATCH` if it is not of it.
 */
export const contentBehind = (file: OpenFile, checkpoint: Checkpoint): Source => {
  const content = file.content(leadingRun(checkpoint)?.end);
  const check$ = defer(() => assertSameContent(file, checkpoint)).pipe(ignoreElements());
  const plain: Source = (open$: Observable<boolean>) => concat(check$, content(open$));
  const { lend } = content;
  return lend === undefined ? plain : Object.assign(plain, { lend: (valve: Valve) => concat(check$, lend(valve)) });
};

/**
 * Rejects with `OFFSET_MISMATCH` unless a checkpoint is one of the file: size, time, and the last block of each of its runs
 * are compared. What is before that block is not read again.
 */
export const assertSameContent = async (file: OpenFile, checkpoint: Checkpoint): Promise<void> => {
  const { runs, algorithm } = checkpoint;
  if (!isOf(checkpoint, file.entry) || !areInOrder(checkpoint) || !availableDigests().includes(algorithm))
    throw otherContent(bytesIn(runs));
  const digest = createDigest(algorithm);
  for (const { end, digest: expected } of runs) {
    const lastBlock = file.content(Math.floor((end - 1) / BLOCK_BYTES) * BLOCK_BYTES, end);
    await lastValueFrom(pump(lastBlock, hash(digest), toNothing()), { defaultValue: undefined });
    if (digest.finish() !== expected)
      throw mismatch(`the file has other bytes before ${end} than those that were transferred`);
  }
};

/** Whether the runs are whole blocks of the content, one behind the other. */
const areInOrder = ({ runs, size }: Checkpoint): boolean =>
  runs.length > 0 &&
  runs.every(
    ({ offset, end }: VerifiedRun, index) =>
      offset >= (runs[index - 1]?.end ?? 0) &&
      offset % BLOCK_BYTES === 0 &&
      end > offset &&
      end <= size &&
      (end % BLOCK_BYTES === 0 || end === size),
  );

/** Why a transfer of which so many bytes were there cannot go on with them. */
export const otherContent = (bytes: number): FileError =>
  mismatch(`the file is not the one of which ${bytes} bytes were transferred`);

const mismatch = (reason: string) => new FileError('OFFSET_MISMATCH', `cannot go on where it broke off: ${reason}`);
