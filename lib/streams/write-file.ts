import type { FileHandle } from 'node:fs/promises';
import { Observable } from 'rxjs';
import { fileError } from '../errors/from-system.ts';
import type { Sink } from './flow.ts';
import { contentAccess } from './semaphore.ts';

// One writev for many socket chunks: measured twice the rate of one write per 64 KiB chunk.
const GATHER_BYTES = 1024 * 1024;

/** What of an open file is needed to write to it. */
export type WriteTarget = Pick<FileHandle, 'writev'>;

// While one write is told of and the next chunks come, the disk is not to stand still.
const WRITES_UNDER_WAY = 2;

/** Chunks that go out as one write. */
interface Batch {
  readonly at: number;
  readonly chunks: Buffer[];
  readonly bytes: number;
  outcome?: 'written' | 'failed';
}

/**
 * An open file as the place where bytes go, from the offset `start` on: chunks are gathered to 1 MiB and written with
 * one `writev`, two writes at a time, in their turn as `contentAccess` gives it. Progress is what is written without a gap.
 *
 * Completes when the kernel has every byte; flushing to the disk and closing are the caller's. Errors with the
 * system's reason (`NO_SPACE` stays visible), and with the source's error when what came before
 * it is written: it was good, and a file that is kept goes on behind it.
 */
export const writeFile =
  (handle: WriteTarget, name: string, start = 0): Sink =>
  (valve) =>
  (bytes$) =>
    new Observable((subscriber) => {
      let gathered: Buffer[] = [];
      let gatheredBytes = 0;
      let begun = 0;
      let written = 0;
      /** What was begun and is not told of, in order. */
      const underWay: Batch[] = [];
      let sourceDone = false;
      let failure: { readonly error: unknown } | undefined;
      let open = true;

      const end = () => {
        if (failure === undefined) subscriber.complete();
        else subscriber.error(failure.error);
      };
      const flush = () => {
        if (subscriber.closed) return;
        // What was begun before the write that failed still counts.
        if (underWay.some(({ outcome }) => outcome === 'failed'))
          return underWay.every(({ outcome }) => outcome !== undefined) ? end() : undefined;
        if (underWay.length === WRITES_UNDER_WAY) return;
        if (gatheredBytes === 0) return sourceDone && underWay.length === 0 ? end() : undefined;
        // Behind a closed valve nothing more is gathered, and only writing what is there can open it.
        if (gatheredBytes < GATHER_BYTES && !sourceDone && open) return;
        const batch: Batch = { at: start + begun, chunks: gathered, bytes: gatheredBytes };
        begun += gatheredBytes;
        gathered = [];
        gatheredBytes = 0;
        underWay.push(batch);
        write(batch).then(
          () => landed(batch),
          (error: unknown) => {
            batch.outcome = 'failed';
            failure ??= { error: fileError(error, `${name}: cannot write`, 'WRITE_FAILED') };
            flush();
          },
        );
      };
      // Not, or not on, where nobody wants it any more.
      const write = ({ chunks, at }: Batch): Promise<void> =>
        contentAccess.run(() => writeAll(handle, chunks, at, () => !subscriber.closed));
      const landed = (batch: Batch) => {
        batch.outcome = 'written';
        for (const chunk of batch.chunks) valve.giveBack(chunk);
        const before = written;
        for (let first = underWay[0]; first?.outcome === 'written'; first = underWay[0]) {
          written += first.bytes;
          underWay.shift();
        }
        if (written > before) subscriber.next({ bytes: written });
        flush();
      };

      const gate = valve.open$.subscribe({
        next: (isOpen) => {
          open = isOpen;
          if (!open) flush();
        },
        error: (error: unknown) => subscriber.error(error),
      });
      subscriber.add(gate);
      return bytes$.subscribe({
        next: (chunk) => {
          gathered.push(chunk);
          gatheredBytes += chunk.length;
          valve.take(chunk);
          flush();
        },
        error: (error: unknown) => {
          failure ??= { error };
          sourceDone = true;
          flush();
        },
        complete: () => {
          sourceDone = true;
          flush();
        },
      });
    });

/** Writes every byte: the system may take only some of them at a time, and says why only at the next try. */
const writeAll = async (
  handle: WriteTarget,
  buffers: Buffer[],
  position: number,
  isWanted: () => boolean,
): Promise<void> => {
  for (let rest = buffers, at = position; rest.length > 0 && isWanted();) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    rest = without(rest, bytesWritten);
  }
};

/** What is left of the buffers when their first `bytes` are taken away. */
const without = (buffers: Buffer[], bytes: number): Buffer[] => {
  let skip = bytes;
  const index = buffers.findIndex((buffer) => {
    if (skip < buffer.length) return true;
    skip -= buffer.length;
    return false;
  });
  const first = buffers[index];
  return first === undefined ? [] : [first.subarray(skip), ...buffers.slice(index + 1)];
};
