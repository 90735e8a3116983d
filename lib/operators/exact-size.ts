import { type MonoTypeOperatorFunction, Observable } from 'rxjs';
import { VerificationError } from '../errors/errors.ts';

/**
 * Passes exactly `size` bytes: errors with `SIZE_MISMATCH` at the first chunk that goes beyond, before it is passed on,
 * or when the source completes short of it. Holds nothing.
 */
export const exactSize =
  (size: number): MonoTypeOperatorFunction<Buffer> =>
  (bytes$) =>
    new Observable((subscriber) => {
      let seen = 0;
      const mismatch = (what: string) =>
        subscriber.error(new VerificationError('SIZE_MISMATCH', `${what} ${seen} bytes where ${size} were announced`));
      return bytes$.subscribe({
        next: (chunk) => {
          seen += chunk.length;
          if (seen > size) mismatch('the content has at least');
          else subscriber.next(chunk);
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => {
          if (seen < size) mismatch('the content ended after');
          else subscriber.complete();
        },
      });
    });
