import { setImmediate as nextTurn } from 'node:timers/promises';
import { firstValueFrom, from, merge, timer } from 'rxjs';
import type { Part } from './store.ts';

/** Whoever wants a part that is being let go of waits no longer than this; the disk may be slow. */
const LETTING_GO_MS = 5000;

const HOLDS = new Map<string, Set<PartHold>>();

/**
 * A part of this process that may be kept, from before its begin to its end. Letting go of one takes a moment, and whoever
 * comes back for it at once shall find it, not begin anew.
 */
export class PartHold {
  readonly #place: string;
  #isOpening = true;
  #isLeaving = false;
  #tellOpened: () => void = () => undefined;
  #tellReleased: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => (this.#tellOpened = resolve));
  readonly #released = new Promise<void>((resolve) => (this.#tellReleased = resolve));

  /** `place` is where the content shall be, as an absolute path. */
  constructor(place: string) {
    this.#place = place;
    HOLDS.set(place, (HOLDS.get(place) ?? new Set()).add(this));
  }

  /** The part that was begun, whose end is the hold's. */
  of(part: Part): Part {
    this.#isOpening = false;
    this.#tellOpened();
    return {
      content: part.content,
      ...(part.contentAt && { contentAt: part.contentAt.bind(part) }),
      commit: async () => {
        await part.commit();
        this.release();
      },
      discard: () => this.#leaveAfter(() => part.discard()),
      suspend: () => this.#leaveAfter(() => part.suspend()),
    };
  }

  /** Ends it. Harmless a second time. */
  release(): void {
    const others = HOLDS.get(this.#place);
    if (others?.delete(this) && others.size === 0) HOLDS.delete(this.#place);
    this.#tellOpened();
    this.#tellReleased();
  }

  /** Settles when the part is let go of, or it is certain that somebody still writes to it. */
  async settled(): Promise<void> {
    if (this.#isOpening) {
      await this.#opened;
      // Who gave it up while it was opened hears of it in the same turn.
      await nextTurn();
    }
    if (this.#isLeaving) await this.#released;
  }

  async #leaveAfter(end: () => Promise<void>): Promise<void> {
    this.#isLeaving = true;
    try {
      await end();
    } finally {
      this.release();
    }
  }
}

/** Waits while this process lets go of what it has begun in a place, but not for long, nor for what it goes on writing. */
export const partsLetGo = async (place: string): Promise<void> => {
  const holds = HOLDS.get(place);
  if (holds === undefined) return;
  const settled = Promise.all([...holds].map((hold) => hold.settled()));
  await firstValueFrom(merge(from(settled), timer(LETTING_GO_MS)));
};
