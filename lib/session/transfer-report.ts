import { type MonoTypeOperatorFunction, defer, tap } from 'rxjs';
import { CancelledError, type SluiceError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { Reply } from '../dialects/session.ts';

/** How one transfer ended, as the server saw it. */
export interface TransferReport {
  readonly direction: 'upload' | 'download';
  readonly path: RemotePath;
  /** Content bytes that were moved. */
  readonly bytes: number;
  /** Files that are where they belong, if this was a tree. */
  readonly files?: number;
  /** Files and folders of a tree that could not be read or kept. */
  readonly failed?: number;
  readonly seconds: number;
  /** Whether the receiver has the whole content, or nothing had to be moved. */
  readonly outcome: 'completed' | 'skipped' | 'failed';
  /** Why it failed. */
  readonly error?: SluiceError;
}

/**
 * Watches a transfer's replies and reports once how it ended, be it by completion, error or cancellation. Passes
 * everything on unchanged; monotonic clock.
 */
export const reportTransfer = (
  { direction, path }: Pick<TransferReport, 'direction' | 'path'>,
  report: (report: TransferReport) => void,
): MonoTypeOperatorFunction<Reply> => {
  return (reply$) =>
    defer(() => {
      const start = performance.now();
      let bytes = 0;
      let tree: Pick<TransferReport, 'files' | 'failed'> = {};
      // Said by the last reply; the stream itself ends a moment later, when files are closed.
      let outcome: 'completed' | 'skipped' | undefined;
      const end = (outcome: TransferReport['outcome'], error?: SluiceError) => {
        const seconds = (performance.now() - start) / 1000;
        report({ direction, path, bytes, ...tree, seconds, outcome, ...(error === undefined ? {} : { error }) });
      };
      return reply$.pipe(
        tap({
          next: (reply) => {
            if (reply.type === 'progress' || reply.type === 'completed') bytes = reply.bytes;
            if (reply.type === 'tree-progress' || reply.type === 'tree-completed') {
              bytes = reply.bytes;
              tree = { files: reply.files, failed: reply.failed };
            }
            if (reply.type === 'tree-completed') outcome = 'completed';
            if (reply.type === 'completed' || reply.type === 'skipped') outcome = reply.type;
          },
          complete: () => end(outcome ?? 'completed'),
          error: (error: unknown) => end('failed', sluiceError(error)),
          unsubscribe: () => (outcome === undefined ? end('failed', new CancelledError()) : end(outcome)),
        }),
      );
    });
};
