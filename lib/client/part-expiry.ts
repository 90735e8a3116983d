import { resolve } from 'node:path';
import { EMPTY, type Observable, catchError, defer, ignoreElements } from 'rxjs';
import { LocalFolderStore } from '../store/local-folder.ts';

const DAY_MS = 24 * 60 * 60_000;

// A client that writes into more folders than this in a day looks into some of them again.
const MAX_FOLDERS = 1000;

/** Clears dead parts out of the folders that a client's downloads go to, each once a day. Monotonic clock. */
export class PartExpiry {
  readonly #keepMs: number;
  readonly #lookedAt = new Map<string, number>();

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** Looks into a folder of this machine, not into those below it. Never emits, never fails: it is nobody's main concern. */
  lookInto(folder: string): Observable<never> {
    return defer(async () => {
      const place = resolve(folder);
      const last = this.#lookedAt.get(place);
      if (last !== undefined && performance.now() - last < DAY_MS) return;
      if (this.#lookedAt.size >= MAX_FOLDERS) this.#lookedAt.clear();
      this.#lookedAt.set(place, performance.now());
      await (await LocalFolderStore.open(place)).expirePartsIn([], this.#keepMs);
    }).pipe(
      ignoreElements(),
      catchError(() => EMPTY),
    );
  }
}
