import { type MonoTypeOperatorFunction, defer, tap } from 'rxjs';

/**
 * Calls `report` with the number of bytes that have passed, after each chunk. Counts anew for each subscription; passes
 * chunks on unchanged and in the same turn; holds nothing.
 */
export const meter =
  (report: (bytes: number) => void): MonoTypeOperatorFunction<Buffer> =>
  (bytes$) =>
    defer(() => {
      let bytes = 0;
      return bytes$.pipe(tap((chunk) => report((bytes += chunk.length))));
    });
