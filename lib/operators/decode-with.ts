import { Observable, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';

/** Makes values of bytes that arrive cut anywhere. */
export interface Decoder<T> {
  /** The values that end in this chunk, in order; a throw ends the decoding, after the values before it. */
  decode(chunk: Buffer): Iterable<T>;
  /** To be called when no more bytes will come: throws where they ended inside a value. */
  end(): void;
}

/**
 * Emits what a decoder makes of the incoming bytes.
 *
 * Cold, one decoder a subscription. Completes with its source; errors with what the decoder throws. Unsubscribing drops
 * the rest of the chunk. Holds what the decoder holds; emits synchronously, so it adds no queue.
 */
export const decodeWith =
  <T>(createDecoder: () => Decoder<T>): OperatorFunction<Buffer, T> =>
  (bytes$) =>
    new Observable((subscriber) => bytes$.subscribe(decoding(createDecoder(), subscriber)));

// Apart from the operator, whose source and maker would be held as long as bytes come: 250 bytes of each idle session.
const decoding = <T>(decoder: Decoder<T>, subscriber: Subscriber<T>): Observer<Buffer> => ({
  // A throw from next() or complete() would miss the error path of this operator, so both report for themselves.
  next: (chunk) => {
    try {
      for (const value of decoder.decode(chunk)) {
        subscriber.next(value);
        if (subscriber.closed) return;
      }
    } catch (error) {
      subscriber.error(error);
    }
  },
  error: (error: unknown) => subscriber.error(error),
  complete: () => {
    try {
      decoder.end();
      subscriber.complete();
    } catch (error) {
      subscriber.error(error);
    }
  },
});
