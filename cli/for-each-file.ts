import { FileError, RemoteError, VerificationError } from '../lib/index.ts';
import type { Reporter } from './reporter.ts';

/**
 * Does the same for each file; one that fails is shown and does not keep the others from their turn. What concerns them
 * all, such as a lost connection or Ctrl-C, is thrown at once.
 */
export const forEachFile = async <T>(
  files: readonly T[],
  act: (file: T) => Promise<void>,
  reporter: Reporter,
): Promise<void> => {
  for (const file of files) {
    try {
      await act(file);
    } catch (error) {
      if (!(error instanceof FileError || error instanceof RemoteError || error instanceof VerificationError))
        throw error;
      reporter.error(error);
    }
  }
};
