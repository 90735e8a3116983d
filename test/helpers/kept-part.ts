import assert from 'node:assert/strict';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { from, of } from 'rxjs';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PART_PREFIX } from '../../lib/protocol/path.ts';
import { type Checkpoint, bytesIn } from '../../lib/store/checkpoint.ts';
import { type DigestName, availableDigests, createDigest } from '../../lib/operators/digest.ts';
import { LocalFolderStore } from '../../lib/store/local-folder.ts';
import { PartJournal } from '../../lib/store/part-journal.ts';
import type { Part, PartKeeping } from '../../lib/store/store.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { valuesOf } from './collect.ts';
import { sha256 } from './raw-peer.ts';

export const MODIFIED = 1_700_000_000_000;

const JOURNAL_HEADER_BYTES = 1024;

/** The digest of each block of a content. */
export const digestsOf = (content: Buffer, digest: (block: Buffer) => string = sha256): string[] =>
  Array.from({ length: Math.ceil(content.length / BLOCK_BYTES) }, (_, index) =>
    digest(content.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)),
  );

/** A content as one that a part may keep; its digests from `start` on are there before any byte is. */
export const keeping = (content: Buffer, { start = 0, modified = MODIFIED } = {}): PartKeeping => ({
  size: content.length,
  modified,
  algorithm: 'sha256',
  digest$: from(digestsOf(content).slice(start / BLOCK_BYTES)),
});

/** What is known of a content of which the first `end` bytes are there. */
export const checkpointAt = (content: Buffer, end: number): Checkpoint => scatteredAt(content, [[0, end]]);

/** What is known of a content of which some ranges are there. */
export const scatteredAt = (content: Buffer, ranges: readonly (readonly [number, number])[]): Checkpoint => ({
  size: content.length,
  modified: MODIFIED,
  algorithm: 'sha256',
  runs: ranges.map(([offset, end]) => ({
    offset,
    end,
    digest: digestsOf(content.subarray(0, end)).at(-1) ?? '',
  })),
});

/** Gives a part some bytes, as whole as they are. */
export const fillPart = (part: Part, bytes: Buffer) => valuesOf(of(bytes).pipe(part.content(new Valve())));

const digestBy =
  (algorithm: DigestName) =>
  (block: Buffer): string => {
    const digest = createDigest(algorithm);
    digest.update(block);
    return digest.finish();
  };

/** Leaves in a folder what a transfer of a content between two of this library leaves that broke off at `bytes`. */
export const leavePart = async (
  root: string,
  name: string,
  content: Buffer,
  { bytes, algorithm = availableDigests()[0] ?? 'sha256' }: { readonly bytes: number; readonly algorithm?: DigestName },
): Promise<void> => {
  const digest$ = from(digestsOf(content, digestBy(algorithm)));
  const store = await LocalFolderStore.open(root);
  const part = await store.begin([name], { keep: { size: content.length, modified: MODIFIED, algorithm, digest$ } });
  await fillPart(part, content.subarray(0, bytes));
  await part.suspend();
};

/** The same of a transfer in segments that left these ranges. */
export const leaveRuns = async (
  root: string,
  name: string,
  content: Buffer,
  ranges: readonly (readonly [number, number])[],
  algorithm: DigestName = availableDigests()[0] ?? 'sha256',
): Promise<void> => {
  const store = await LocalFolderStore.open(root);
  const part = await store.begin([name], { keep: { size: content.length, modified: MODIFIED, algorithm } });
  for (const [offset, end] of ranges) {
    const digest$ = from(digestsOf(content.subarray(offset, end), digestBy(algorithm)));
    const sink = part.contentAt?.({ offset, end }, digest$) ?? assert.fail('the store writes anywhere');
    await valuesOf(of(content.subarray(offset, end)).pipe(sink(new Valve())));
  }
  await part.suspend();
};

/** How many bytes of a file are kept in a folder, for whoever comes next. */
export const keptBytes = async (root: string, name: string): Promise<number> =>
  bytesIn((await (await LocalFolderStore.open(root)).kept([name]))?.runs ?? []);

/** How many bytes a transfer into a folder has safely behind it so far, whoever writes there. */
export const securedBytes = async (root: string): Promise<number> => {
  const name = (await readdir(root)).find((entry) => entry.startsWith(PART_PREFIX));
  if (name === undefined) return 0;
  const handle = await open(join(root, name), 'r');
  try {
    return bytesIn((await (await PartJournal.read(handle))?.checkpoint())?.runs ?? []);
  } finally {
    await handle.close();
  }
};

/** Changes what a part file says about itself, behind the back of whoever wrote it. */
export const forgeJournal = async (
  file: string,
  change: (header: Record<string, unknown>) => unknown,
): Promise<void> => {
  const handle = await open(file, 'r+');
  try {
    const at = (await handle.stat()).size - JOURNAL_HEADER_BYTES;
    const header = JSON.parse((await readAt(handle, at, JOURNAL_HEADER_BYTES)).toString()) as Record<string, unknown>;
    const forged = change(header);
    const text = typeof forged === 'string' ? forged : JSON.stringify(forged);
    await handle.write(text.padEnd(JOURNAL_HEADER_BYTES), at);
  } finally {
    await handle.close();
  }
};

/** Flips a bit of a file. */
export const corrupt = async (file: string, at: number): Promise<void> => {
  const handle = await open(file, 'r+');
  try {
    const [byte = 0] = await readAt(handle, at, 1);
    await handle.write(Buffer.from([byte ^ 1]), 0, 1, at);
  } finally {
    await handle.close();
  }
};

const readAt = async (handle: FileHandle, at: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length);
  await handle.read(bytes, 0, length, at);
  return bytes;
};
