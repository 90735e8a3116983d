import type { FileHandle } from 'node:fs/promises';
import * as v from 'valibot';
import { type DigestName, DIGEST_NAMES, availableDigests, createDigest } from '../operators/digest.ts';
import { BLOCK_BYTES, MAX_RANGES } from '../protocol/block.ts';
import { MAX_TIME } from '../protocol/entry.ts';
import type { Checkpoint, ContentRange, VerifiedRun } from './checkpoint.ts';
import { PART_OWNER, type PartOwner, bootId } from './part-owner.ts';

const HEADER_BYTES = 1024;
const DIGEST_BYTES = 32;
const NO_DIGEST = Buffer.alloc(DIGEST_BYTES);

const HEADER = v.object({
  journal: v.literal(1),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  // As the protocol has times: whoever asks a server for the rest has to be able to say it.
  modified: v.pipe(v.number(), v.integer(), v.minValue(-MAX_TIME), v.maxValue(MAX_TIME)),
  algorithm: v.picklist(DIGEST_NAMES),
  /** Which start of the machine the blocks were written in. */
  boot: v.string(),
  owner: v.nullable(PART_OWNER),
});

export type JournalHeader = v.InferOutput<typeof HEADER>;

/**
 * What a part file knows about itself: whose content it is, and the digest of each block that is there and was verified.
 *
 * It stands behind the content in the same file, so that one rename moves both: the digests, 32 bytes a block from the
 * end of the content on, and at the very end of the file a header of 1 KiB, JSON padded with blanks. A commit cuts it
 * off. Holds the digests that are not written down yet.
 */
export class PartJournal {
  readonly #handle: FileHandle;
  #header: JournalHeader;
  readonly #pending = new Map<number, string>();
  #written: Promise<unknown> = Promise.resolve();

  private constructor(handle: FileHandle, header: JournalHeader) {
    this.#handle = handle;
    this.#header = header;
  }

  /** Begins a journal in an empty file. */
  static async create(
    handle: FileHandle,
    content: Pick<JournalHeader, 'size' | 'modified' | 'algorithm'>,
    owner: PartOwner,
  ): Promise<PartJournal> {
    const journal = new PartJournal(handle, { journal: 1, ...content, boot: owner.boot, owner });
    await journal.#writeHeader();
    return journal;
  }

  /** The journal of a part file, or nothing if the file has none that can be understood. */
  static async read(handle: FileHandle): Promise<PartJournal | undefined> {
    const { size: fileBytes } = await handle.stat();
    if (fileBytes < HEADER_BYTES) return undefined;
    const bytes = Buffer.alloc(HEADER_BYTES);
    await handle.read(bytes, 0, HEADER_BYTES, fileBytes - HEADER_BYTES);
    const header = v.safeParse(HEADER, parse(bytes));
    if (!header.success || headerOffset(header.output.size) !== fileBytes - HEADER_BYTES) return undefined;
    return new PartJournal(handle, header.output);
  }

  get header(): JournalHeader {
    return this.#header;
  }

  /** What of the content is there and verified; nothing where no block is. */
  async checkpoint(): Promise<Checkpoint | undefined> {
    const { size, modified, algorithm, boot } = this.#header;
    await this.flush();
    if (!availableDigests().includes(algorithm)) return undefined;
    const recorded = await this.#recorded();
    // Blocks that were written before the machine stopped may never have reached the disk.
    const digests = boot === (await bootId()) ? recorded : await this.#provenAgain(recorded, algorithm);
    const runs = runsOf(digests, size);
    // What is behind so many has to be sent again: nobody asks for more ranges than that.
    return runs.length === 0 ? undefined : { size, modified, algorithm, runs: runs.slice(0, MAX_RANGES) };
  }

  /** Whether these runs are there, and end with the same blocks. */
  async holds(runs: readonly VerifiedRun[]): Promise<boolean> {
    const found = (await this.checkpoint())?.runs ?? [];
    return runs.every((run) =>
      found.some(({ offset, end, digest }) => offset === run.offset && end === run.end && digest === run.digest),
    );
  }

  /** Notes that a block is written. In memory until `flush`. */
  record(index: number, digest: string): void {
    this.#pending.set(index, digest);
  }

  /** Writes down what was noted, behind what is still being written down. */
  flush(): Promise<void> {
    const written = this.#written.then(() => this.#writeNoted());
    this.#written = written.catch(() => undefined);
    return written;
  }

  /** Each run of blocks at one go. */
  async #writeNoted(): Promise<void> {
    const noted = [...this.#pending].sort(([one], [other]) => one - other);
    this.#pending.clear();
    let start = 0;
    for (const [at, [index]] of noted.entries()) {
      if (noted[at + 1]?.[0] === index + 1) continue;
      const run = noted.slice(start, at + 1);
      start = at + 1;
      const digests = Buffer.from(run.map(([, digest]) => digest).join(''), 'hex');
      await this.#writeAll(digests, this.#header.size + (index + 1) * DIGEST_BYTES - digests.length);
    }
  }

  /** Says who writes from now on, `null` for nobody, and forgets the blocks outside of `runs`, where these are given. */
  async hand(owner: PartOwner | null, runs?: readonly ContentRange[]): Promise<void> {
    await this.flush();
    if (runs !== undefined) await this.#forgetOutside(runs);
    this.#header = { ...this.#header, owner, boot: owner?.boot ?? this.#header.boot };
    await this.#writeHeader();
  }

  /** Takes the journal off, which leaves the content alone in the file. Gives what puts it on again. */
  async remove(): Promise<() => Promise<void>> {
    const { size } = this.#header;
    await this.flush();
    const digests = await this.#digests();
    await this.#handle.truncate(size);
    return async () => {
      await this.#writeAll(digests, size);
      await this.#writeHeader();
    };
  }

  /** The digest of each block, or nothing where it is not there. */
  async #recorded(): Promise<(string | undefined)[]> {
    const bytes = await this.#digests();
    return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, index) => {
      const digest = bytes.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
      return digest.equals(NO_DIGEST) ? undefined : digest.toString('hex');
    });
  }

  /** The place of all digests, with zeros where none is yet. */
  async #digests(): Promise<Buffer> {
    const { size } = this.#header;
    const bytes = Buffer.alloc(blockCount(size) * DIGEST_BYTES);
    await this.#handle.read(bytes, 0, bytes.length, size);
    return bytes;
  }

  async #provenAgain(
    recorded: readonly (string | undefined)[],
    algorithm: DigestName,
  ): Promise<(string | undefined)[]> {
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const proven: (string | undefined)[] = [];
    for (const [index, expected] of recorded.entries()) {
      const isProven = expected !== undefined && (await this.#digestOf(index, block, algorithm)) === expected;
      proven.push(isProven ? expected : undefined);
    }
    return proven;
  }

  /** The digest of a block as it is in the file now; nothing if it is not whole. */
  async #digestOf(index: number, memory: Buffer, algorithm: DigestName): Promise<string | undefined> {
    const start = index * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, this.#header.size - start);
    const { bytesRead } = await this.#handle.read(memory, 0, length, start);
    if (bytesRead < length) return undefined;
    const digest = createDigest(algorithm);
    digest.update(memory.subarray(0, length));
    return digest.finish();
  }

  async #forgetOutside(runs: readonly ContentRange[]): Promise<void> {
    const digests = await this.#digests();
    const kept = Buffer.alloc(digests.length);
    for (const { offset, end } of runs) {
      const from = (offset / BLOCK_BYTES) * DIGEST_BYTES;
      digests.copy(kept, from, from, Math.ceil(end / BLOCK_BYTES) * DIGEST_BYTES);
    }
    await this.#writeAll(kept, this.#header.size);
  }

  async #writeHeader(): Promise<void> {
    const text = JSON.stringify(this.#header).padEnd(HEADER_BYTES);
    await this.#writeAll(Buffer.from(text), headerOffset(this.#header.size));
  }

  async #writeAll(bytes: Buffer, position: number): Promise<void> {
    for (let written = 0; written < bytes.length;)
      written += (await this.#handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

const blockCount = (size: number): number => Math.ceil(size / BLOCK_BYTES);

/** Blocks that are there, as runs. */
const runsOf = (digests: readonly (string | undefined)[], size: number): VerifiedRun[] => {
  const runs: VerifiedRun[] = [];
  let offset = 0;
  for (const [index, digest] of digests.entries()) {
    const end = Math.min((index + 1) * BLOCK_BYTES, size);
    if (digest === undefined) offset = end;
    else if (digests[index + 1] === undefined) runs.push({ offset, end, digest });
  }
  return runs;
};

const headerOffset = (size: number): number => size + blockCount(size) * DIGEST_BYTES;

const parse = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};
