import {
  EMPTY,
  type MonoTypeOperatorFunction,
  NEVER,
  Observable,
  Subject,
  combineLatest,
  concat,
  concatMap,
  defer,
  finalize,
  last,
  map,
  of,
  scan,
  startWith,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import { ConnectionError, ProtocolError, SluiceError } from '../../errors/errors.ts';
import type { Progress, Sink, Source } from '../../streams/flow.ts';
import { fromReadable } from '../../streams/from-readable.ts';
import { decodeText } from './forms.ts';
import { type Line, pause, stalled } from './line.ts';

/** Puts a content into wire form. */
export interface ContentEncoder {
  /** What a chunk becomes. A segment may be a view of the chunk; what is kept for later is a copy. */
  write(chunk: Buffer): Iterable<Segment>;
  /** What stands behind the last chunk. */
  end(): Iterable<Segment>;
}

/** Bytes that are written at once, and how long the peer gets before it sees the next ones. */
export interface Segment {
  readonly bytes: Buffer;
  /** @default 0 */
  readonly pauseMs?: number;
}

/** Gets a content back from the wire. */
export interface ContentDecoder {
  /** The content in the bytes that came, and how many of these were used; fewer than all only at the end. Throws. */
  read(chunk: Buffer): Decoded;
  /** To be called where no more comes; throws where that cannot have been all. */
  finish(): void;
}

export interface Decoded {
  readonly content: readonly Buffer[];
  /** There once the content is whole: the number of bytes of the chunk that belonged to it. */
  readonly endsAt?: number;
}

const NOTHING = Buffer.alloc(0);

// The longest text, a listing, that is taken from a peer.
const MAX_TEXT = 16 * 1024 * 1024;

// A write of more would hide for too long whether the peer takes any of it.
const MAX_WRITE = 64 * 1024;

/**
 * A connection as the place where one content goes. Progress counts content bytes that the kernel has taken; completes
 * when it has taken all. On any error, and on unsubscribing, the connection is reset, because its end would look like
 * the content's. Errors with `CLOSED_EARLY`, and with `STALLED` when the peer takes nothing for too long.
 */
export const sendContent =
  (line: Line, encoder: ContentEncoder): Sink =>
  (valve) =>
  (bytes$) =>
    defer(() => {
      let bytes = 0;
      const sendChunk = (chunk: Buffer): Observable<Progress> =>
        concat(
          sendSegments(line, encoder.write(chunk)),
          defer(() => {
            valve.giveBack(chunk);
            return of({ bytes: (bytes += chunk.length) });
          }),
        );
      return concat(
        bytes$.pipe(
          tap((chunk) => valve.take(chunk)),
          concatMap(sendChunk),
        ),
        defer(() => sendSegments(line, encoder.end())),
      ).pipe(resettingUnlessWhole(line));
    });

const sendSegments = (line: Line, segments: Iterable<Segment>): Observable<never> =>
  concat(
    ...[...segments].map(({ bytes, pauseMs = 0 }) => {
      const written$ = concat(...pieces(bytes).map((piece) => line.say(piece)));
      return pauseMs > 0 ? concat(written$, pause(pauseMs)) : written$;
    }),
  );

/** Says a text as a content that is there already. */
export const sayContent = (line: Line, encoder: ContentEncoder, text: string): Observable<never> =>
  defer(() => sendSegments(line, [...encoder.write(Buffer.from(text)), ...encoder.end()]));

/** A content as text, held whole; errors with `MESSAGE_INVALID` where it is too long or not UTF-8. */
export const receiveText = (line: Line, decoder: ContentDecoder): Observable<string> => {
  const bytes$ = receiveContent(line, decoder)(concat(of(true), NEVER));
  return bytes$.pipe(
    scan((text, chunk) => {
      if (text.length + chunk.length > MAX_TEXT)
        throw new ProtocolError('MESSAGE_INVALID', `the text has more than ${MAX_TEXT} bytes`);
      return Buffer.concat([text, chunk]);
    }, NOTHING),
    last(undefined, NOTHING),
    map(decodeText),
  );
};

const pieces = (bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / MAX_WRITE) }, (_, index) =>
    bytes.subarray(index * MAX_WRITE, (index + 1) * MAX_WRITE),
  );

export interface ReceiveOptions {
  /** Milliseconds without a byte, while one is due, after which the peer counts as gone. @default the line's */
  readonly silenceMs?: () => number;
  /** Emits when the peer has begun something else: if nothing more comes then, the content is over. @default never */
  readonly over$?: Observable<unknown>;
  /** Asked where only the connection's end ends the content: completes if the peer meant it, errors if not. @default yes */
  readonly meant$?: Observable<never>;
}

// Between the sign that a content is over and the end: what is still on the way gets so long to arrive.
const OVER_MS = 250;

/**
 * A connection as the place where one content comes from. Completes where the decoder says that it is whole, with what
 * is behind it left on the connection; the connection stays open. Errors with what the decoder throws, with
 * `CLOSED_EARLY` when the connection breaks, and with `STALLED`. On any error and on unsubscribing it is reset.
 */
export const receiveContent =
  (line: Line, decoder: ContentDecoder, options: ReceiveOptions = {}): Source =>
  (open$) =>
    receive(line, decoder, options, open$).pipe(resettingUnlessWhole(line));

const receive = (
  line: Line,
  decoder: ContentDecoder,
  { silenceMs = () => line.stallMs, over$ = NEVER, meant$ = EMPTY }: ReceiveOptions,
  open$: Observable<boolean>,
): Observable<Buffer> =>
  new Observable((subscriber) => {
    const heard$ = new Subject<void>();
    const isOver$ = over$.pipe(
      map(() => true),
      startWith(false),
    );
    const attempt = (act: () => void) => {
      try {
        act();
      } catch (error) {
        subscriber.error(error);
      }
    };
    const finish = () =>
      attempt(() => {
        decoder.finish();
        subscriber.add(
          meant$.subscribe({
            error: (error: unknown) => subscriber.error(error),
            complete: () => subscriber.complete(),
          }),
        );
      });
    // A content may be whole before its first byte.
    if (decoder.read(NOTHING).endsAt !== undefined) return subscriber.complete();
    const silence = combineLatest([open$, isOver$, heard$.pipe(startWith(undefined))])
      .pipe(switchMap(([open, over]) => (open ? timer(over ? OVER_MS : silenceMs()).pipe(map(() => over)) : NEVER)))
      .subscribe({
        next: (over) => (over ? finish() : subscriber.error(stalled(silenceMs()))),
        error: (error: unknown) => subscriber.error(error),
      });
    const reading = fromReadable(line.socket, { own: false })(open$).subscribe({
      next: (chunk) =>
        attempt(() => {
          heard$.next();
          const { content, endsAt } = decoder.read(chunk);
          for (const bytes of content) if (bytes.length > 0) subscriber.next(bytes);
          if (endsAt === undefined) return;
          reading.unsubscribe();
          if (endsAt < chunk.length) line.socket.unshift(chunk.subarray(endsAt));
          subscriber.complete();
        }),
      error: (error: unknown) => subscriber.error(error instanceof SluiceError ? error : contentLost(error)),
      complete: () => {
        if (!line.socket.writable) return finish();
        // A reset right behind the last bytes is reported as an end (by libuv, where one poll shows both); only writing
        // tells them apart, and writing nothing is enough.
        line.socket.write('', (error) => (error ? subscriber.error(contentLost(error)) : finish()));
      },
    });
    return () => {
      silence.unsubscribe();
      reading.unsubscribe();
    };
  });

const resettingUnlessWhole = <T>(line: Line): MonoTypeOperatorFunction<T> =>
  tap<T>({ error: () => line.reset(), unsubscribe: () => line.reset() });

/** Runs something with a connection, which is closed at the end. */
export const withLine = <T>(line$: Observable<Line>, use: (line: Line) => Observable<T>): Observable<T> =>
  line$.pipe(switchMap((line) => defer(() => use(line)).pipe(finalize(() => line.close()))));

/** The content as it is. */
export const rawEncoder: ContentEncoder = { write: (bytes) => [{ bytes }], end: () => [] };

/** So many bytes, as they are. */
export const exactly = (size: number): ContentDecoder => {
  let left = size;
  return {
    read: (chunk) => {
      const content = chunk.subarray(0, left);
      left -= content.length;
      return { content: [content], ...(left === 0 && { endsAt: content.length }) };
    },
    finish: () => {
      if (left > 0) throw contentLost();
    },
  };
};

/** All bytes until the peer ends the connection in order. */
export const untilEnd = (): ContentDecoder => ({
  read: (chunk) => ({ content: [chunk] }),
  finish: () => undefined,
});

export const contentLost = (cause?: unknown): ConnectionError =>
  new ConnectionError('CLOSED_EARLY', 'the connection ended before the content did', { cause });
