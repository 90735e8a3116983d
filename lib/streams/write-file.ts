import type { FileHandle } from 'node:fs/promises';
import { Observable } from 'rxjs';
import { fileError } from '../errors/from-system.ts';
import type { Sink } from './flow.ts';
import { contentAccess } from './semaphore.ts';

// One writev for many socket chunks: measured twice the rate of one write per 64 KiB chunk.
const GATHER_BYTES = 1024 * 1024;

/** What of an open file is needed to write to it. */
export type WriteTarget = Pick<FileHandle, 'writev'>;

/**
 * An open file as the place where bytes go, from the offset `start` on: chunks are gathered to 1 MiB and written with
 * one `writev`, one write at a time, in their turn as `contentAccess` gives it.
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
      let written = 0;
      let writing = false;
      let sourceDone = false;
      let sourceFailure: { readonly error: unknown } | undefined;
      let open = true;

      const end = () => {
        if (sourceFailure === undefined) subscriber.complete();
        else subscriber.error(sourceFailure.error);
      };
      const flush = () => {
        if (writing) return;
        if (gatheredBytes === 0) {
          if (sourceDone) end();
          return;
        }
        // Behind a closed valve nothing more is gathered, and only writing what is there can open it.
        if (gatheredBytes < GATHER_BYTES && !sourceDone && open) return;
        const batch = gathered;
        const batchBytes = gatheredBytes;
        gathered = [];
        gatheredBytes = 0;
        writing = true;
        writeBatch(batch).then(
          () => {
            writing = false;
            written += batchBytes;
            for (const chunk of batch) valve.giveBack(chunk);
            subscriber.next({ bytes: written });
            if (!subscriber.closed) flush();
          },
          (error: unknown) => {
            if (sourceFailure === undefined)
              subscriber.error(fileError(error, `${name}: cannot write`, 'WRITE_FAILED'));
            else end();
          },
        );
      };

      // Not where nobody wants it any more when its turn has come.
      const writeBatch = (batch: Buffer[]): Promise<void> =>
        contentAccess.run(async () => {
          if (!subscriber.closed) await writeAll(handle, batch, start + written);
        });

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
          sourceFailure = { error };
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
const writeAll = async (handle: WriteTarget, buffers: Buffer[], position: number): Promise<void> => {
  for (let rest = buffers, at = position; rest.length > 0;) {
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
