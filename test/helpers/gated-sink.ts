import { Observable } from 'rxjs';
import type { Sink } from '../../lib/streams/flow.ts';

/** A sink that counts what it is given and is done with it at once, unless the test has stopped it. */
export class GatedSink {
  /** Bytes that came in. */
  received = 0;
  #stopped = false;
  #goOn: (() => void) | undefined;

  /** From now on everything is held. */
  stop(): void {
    this.#stopped = true;
  }

  /** Finishes what is held and goes on. */
  go(): void {
    this.#stopped = false;
    this.#goOn?.();
  }

  readonly sink: Sink = (valve) => (bytes$) =>
    new Observable((subscriber) => {
      let held = 0;
      let sourceDone = false;
      const finish = () => {
        valve.release(held);
        held = 0;
        subscriber.next({ bytes: this.received });
        if (sourceDone) subscriber.complete();
      };
      this.#goOn = finish;
      return bytes$.subscribe({
        next: ({ length }) => {
          this.received += length;
          held += length;
          valve.hold(length);
          if (!this.#stopped) finish();
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => {
          sourceDone = true;
          if (!this.#stopped) finish();
        },
      });
    });
}
