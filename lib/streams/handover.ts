import { Observable, type Subscriber } from 'rxjs';
import type { Valve } from './valve.ts';

/**
 * Bytes that arrive before their taker is ready: held in the valve until somebody subscribes, which one can do once, and
 * passed through from then on.
 */
export class Handover {
  readonly #valve: Valve;
  readonly #waiting: Buffer[] = [];
  #isDropped = false;
  #taker: Subscriber<Buffer> | undefined;
  #end: ((taker: Subscriber<Buffer>) => void) | undefined;

  constructor(valve: Valve) {
    this.#valve = valve;
  }

  /** What was given and will be. Holds nothing any more once it is unsubscribed. */
  get bytes$(): Observable<Buffer> {
    return new Observable((subscriber) => {
      this.#taker = subscriber;
      for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
        this.#valve.giveBack(chunk);
        subscriber.next(chunk);
      }
      this.#end?.(subscriber);
    });
  }

  /** Nobody wants the bytes: those that are held are let go, and the others as they come. */
  drop(): void {
    this.#isDropped = true;
    for (const chunk of this.#waiting.splice(0)) this.#valve.giveBack(chunk);
  }

  give(chunk: Buffer): void {
    if (this.#isDropped) return;
    if (this.#taker !== undefined) return this.#taker.next(chunk);
    this.#valve.take(chunk);
    this.#waiting.push(chunk);
  }

  complete(): void {
    this.#finish((taker) => taker.complete());
  }

  error(error: unknown): void {
    this.#finish((taker) => taker.error(error));
  }

  #finish(end: (taker: Subscriber<Buffer>) => void): void {
    this.#end = end;
    if (this.#taker !== undefined) end(this.#taker);
  }
}
