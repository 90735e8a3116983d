import { Observable } from 'rxjs';
import type { Sink } from '../../lib/streams/flow.ts';

export interface SlowSinkOptions {
  /** Bytes finished in each turn of the event loop; with 0 it finishes nothing, ever. @default 65536 */
  readonly bytesPerTurn?: number;
  /** How many bytes it takes before it fails. @default it does not fail */
  readonly failAfter?: number;
}

/** A sink with a chosen speed and a chosen point of failure, that tells how it fared. */
export class SlowSink {
  /** What it fails with. */
  readonly failure = new Error('the sink is full');
  /** Most bytes that were ever held in the valve, by this sink or anybody else. */
  peak = 0;
  state: 'idle' | 'running' | 'completed' | 'failed' | 'cancelled' = 'idle';
  readonly #bytesPerTurn: number;
  readonly #failAfter: number;
  readonly #received: Buffer[] = [];

  constructor({ bytesPerTurn = 65_536, failAfter = Infinity }: SlowSinkOptions = {}) {
    this.#bytesPerTurn = bytesPerTurn;
    this.#failAfter = failAfter;
  }

  /** Every byte that came, finished or not. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get sink(): Sink {
    return (valve) => (bytes$) =>
      new Observable((subscriber) => {
        this.state = 'running';
        let waiting = 0;
        let finished = 0;
        let sourceDone = false;
        let turn: NodeJS.Immediate | undefined;
        const end = (state: 'completed' | 'failed', tell: () => void) => {
          this.state = state;
          tell();
        };
        const goOn = () => {
          if (turn !== undefined || subscriber.closed) return;
          if (waiting > 0 && this.#bytesPerTurn > 0) turn = setImmediate(work);
          else if (waiting === 0 && sourceDone) end('completed', () => subscriber.complete());
        };
        const work = () => {
          turn = undefined;
          const bytes = Math.min(waiting, this.#bytesPerTurn);
          waiting -= bytes;
          finished += bytes;
          if (finished >= this.#failAfter) return end('failed', () => subscriber.error(this.failure));
          valve.release(bytes);
          subscriber.next({ bytes: finished });
          goOn();
        };
        const upstream = bytes$.subscribe({
          next: (chunk) => {
            this.#received.push(chunk);
            waiting += chunk.length;
            valve.hold(chunk.length);
            this.peak = Math.max(this.peak, valve.held);
            goOn();
          },
          error: (error: unknown) => end('failed', () => subscriber.error(error)),
          complete: () => {
            sourceDone = true;
            goOn();
          },
        });
        return () => {
          if (this.state === 'running') this.state = 'cancelled';
          upstream.unsubscribe();
          if (turn !== undefined) clearImmediate(turn);
        };
      });
  }
}
