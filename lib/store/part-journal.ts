import type { FileHandle } from 'node:fs/promises';
import * as v from 'valibot';
import { type DigestName, DIGEST_NAMES, availableDigests, createDigest } from '../operators/digest.ts';
import { BLOCK_BYTES } from '../protocol/block.ts';
import { MAX_TIME } from '../protocol/entry.ts';
import type { Checkpoint } from './checkpoint.ts';
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
  readonly #pending: string[] = [];
  #pendingFrom = 0;

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

  /** How far the content is there and verified; nothing where not even its first block is. */
  async checkpoint(): Promise<Checkpoint | undefined> {
    const { size, modified, algorithm, boot } = this.#header;
    await this.flush();
    if (!availableDigests().includes(algorithm)) return undefined;
    const recorded = await this.#recorded();
    // Blocks that were written before the machine stopped may never have reached the disk.
    const digests = boot === (await bootId()) ? recorded : await this.#provenAgain(recorded, algorithm);
    const last = digests.at(-1);
    if (last === undefined) return undefined;
    return { size, modified, algorithm, offset: Math.min(digests.length * BLOCK_BYTES, size), digest: last };
  }

  /** Notes that a block is written; they come in order. In memory until `flush`. */
  record(index: number, digest: string): void {
    if (this.#pending.length === 0) this.#pendingFrom = index;
    this.#pending.push(digest);
  }

  /** Writes down what was noted. */
  async flush(): Promise<void> {
    const digests = this.#pending.splice(0);
    if (digests.length === 0) return;
    await this.#writeAll(Buffer.from(digests.join(''), 'hex'), this.#header.size + this.#pendingFrom * DIGEST_BYTES);
  }

  /** Says who writes from now on, `null` for nobody, and forgets blocks from `offset` on. */
  async hand(owner: PartOwner | null, offset?: number): Promise<void> {
    await this.flush();
    if (offset !== undefined) await this.#forgetFrom(Math.ceil(offset / BLOCK_BYTES));
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

  async #recorded(): Promise<string[]> {
    const bytes = await this.#digests();
    const digests: string[] = [];
    for (let at = 0; at < bytes.length; at += DIGEST_BYTES) {
      const digest = bytes.subarray(at, at + DIGEST_BYTES);
      if (digest.equals(NO_DIGEST)) break;
      digests.push(digest.toString('hex'));
    }
    return digests;
  }

  /** The place of all digests, with zeros where none is yet. */
  async #digests(): Promise<Buffer> {
    const { size } = this.#header;
    const bytes = Buffer.alloc(blockCount(size) * DIGEST_BYTES);
    await this.#handle.read(bytes, 0, bytes.length, size);
    return bytes;
  }

  async #provenAgain(recorded: readonly string[], algorithm: DigestName): Promise<string[]> {
    const { size } = this.#header;
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const proven: string[] = [];
    for (const [index, expected] of recorded.entries()) {
      const start = index * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES, size - start);
      const { bytesRead } = await this.#handle.read(block, 0, length, start);
      const digest = createDigest(algorithm);
      digest.update(block.subarray(0, bytesRead));
      if (bytesRead < length || digest.finish() !== expected) break;
      proven.push(expected);
    }
    return proven;
  }

  async #forgetFrom(index: number): Promise<void> {
    const { size } = this.#header;
    await this.#writeAll(Buffer.alloc((blockCount(size) - index) * DIGEST_BYTES), size + index * DIGEST_BYTES);
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

const headerOffset = (size: number): number => size + blockCount(size) * DIGEST_BYTES;

const parse = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};
