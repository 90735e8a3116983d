import { Observable } from 'rxjs';
import type { Progress, Sink } from '../../streams/flow.ts';
import type { Valve } from '../../streams/valve.ts';
import type { Part } from '../store.ts';

/**
 * A small file that is being written: kept in memory, counted in the valve, until `write` puts all of it on the disk at
 * its commit. There is nothing to remove if it never comes to that, and nothing worth keeping for another try.
 */
export class SmallPart implements Part {
  readonly #write: (bytes: Buffer) => Promise<void>;
  #chunks: Buffer[] = [];
  #valve: Valve | undefined;
  #committing: Promise<void> | undefined;

  /** `write` gives the file its content and its name, at one stroke. */
  constructor(write: (bytes: Buffer) => Promise<void>) {
    this.#write = write;
  }

  get content(): Sink {
    return (valve) => (bytes$) =>
      new Observable<Progress>((subscriber) => {
        this.#valve = valve;
        let bytes = 0;
        return bytes$.subscribe({
          next: (chunk) => {
            valve.take(chunk);
            this.#chunks.push(chunk);
            bytes += chunk.length;
            subscriber.next({ bytes });
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        });
      });
  }

  commit(): Promise<void> {
    this.#committing = this.#write(Buffer.concat(this.#chunks)).finally(() => this.#forget());
    return this.#committing;
  }

  /** A commit that has begun cannot be taken back: whoever gives the part up waits to see what it came to. */
  async discard(): Promise<void> {
    await this.#committing?.catch(() => undefined);
    this.#forget();
  }

  suspend(): Promise<void> {
    return this.discard();
  }

  #forget(): void {
    for (const chunk of this.#chunks.splice(0)) this.#valve?.giveBack(chunk);
  }
}
