import type { FrameDecoder } from '../../protocol/frame-decoder.ts';
import type { ReadMemory } from '../../streams/from-socket.ts';

/** Knows where content belongs that is still to come. */
export interface ContentPlaces {
  /** Where the rest of the frame that has begun, `left` bytes, belongs; undefined if it is not content. */
  placeFor(left: number): Buffer | undefined;
}

// From this size on a frame is worth a read of its own.
const LARGE_FRAME = 64 * 1024;

// What stands between two large frames: the end of a block, its trailer, the next header.
const BETWEEN_BYTES = 1024;

const SLAB_BYTES = 64 * 1024;
const LEAST_BYTES = 16 * 1024;

/**
 * Where the bytes of a data connection are read to: large frames of content straight to their places, and all else, small
 * frames many at a time, into memory that is not used again, so that views of it may be kept. After a large frame another one
 * is expected, and little more than its header is read before its content. Holds 64 KiB, and so does any view that is kept.
 */
export class FrameMemory implements ReadMemory {
  readonly #decoder: FrameDecoder;
  readonly #places: ContentPlaces;
  #slab: Buffer = Buffer.alloc(0);
  #isSlabLent = false;

  /** For the frames that `decoder` takes apart and `places` takes the content of. */
  constructor(decoder: FrameDecoder, places: ContentPlaces) {
    this.#decoder = decoder;
    this.#places = places;
  }

  next(): Buffer {
    const { length, left } = this.#decoder;
    const isLarge = length >= LARGE_FRAME;
    const place = isLarge ? this.#places.placeFor(left) : undefined;
    this.#isSlabLent = place === undefined;
    if (place !== undefined) return place;
    if (this.#slab.length < LEAST_BYTES) this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    return isLarge && left === 0 ? this.#slab.subarray(0, BETWEEN_BYTES) : this.#slab;
  }

  filled(bytes: number): void {
    if (this.#isSlabLent) this.#slab = this.#slab.subarray(bytes);
  }
}
