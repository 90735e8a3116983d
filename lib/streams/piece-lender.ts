/** Hands out pieces of memory, and hands them out again when every byte of them has come back. */
export class PieceLender {
  readonly #pieceBytes: number;
  readonly #free: ArrayBuffer[] = [];
  // Weak, because a taker may keep a piece for good: then it is the collector's, and another one takes its place.
  readonly #out = new WeakMap<ArrayBufferLike, number>();

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
  }

  lend(length: number): Buffer {
    const memory = this.#free.pop() ?? new ArrayBuffer(this.#pieceBytes);
    this.#out.set(memory, length);
    return Buffer.from(memory, 0, length);
  }

  takeBack({ buffer, length }: Buffer): void {
    const left = (this.#out.get(buffer) ?? 0) - length;
    if (left > 0) this.#out.set(buffer, left);
    else if (this.#out.delete(buffer)) this.#free.push(buffer as ArrayBuffer);
  }
}
