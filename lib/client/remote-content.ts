import { type MonoTypeOperatorFunction, Observable, defer, ignoreElements, map, tap } from 'rxjs';
import type { Session, Upload } from '../dialects/session.ts';
import type { RemotePath } from '../protocol/path.ts';
import type { LendingSource, Progress, Sink, Source } from '../streams/flow.ts';
import type { Valve } from '../streams/valve.ts';

/**
 * A remote file as the place where bytes come from.
 *
 * Completes when all of it was verified and handed on; the receipt that the server gets says just that, because what
 * the rest of the pipeline does with the bytes is the rest's affair.
 */
export const remoteSource = (session: Session, path: RemotePath): LendingSource =>
  Object.assign((open$: Observable<boolean>) => receive(session, path, open$), {
    lend: (valve: Valve) =>
      receive(session, path, valve.open$, (inner) => valve.ownedBy((chunk) => inner.passBack(chunk))),
  });

/** Bytes from a pipeline of the session's own, whose valve `lending` is told of: it hears of memory that comes back. */
const receive = (
  session: Session,
  path: RemotePath,
  open$: Observable<boolean>,
  lending?: (inner: Valve) => void,
): Observable<Buffer> =>
  new Observable((subscriber) => {
    // The session's own pipeline ends in a sink that hands every chunk to the outer pipeline.
    const handOn: Sink = (valve) => (bytes$) => {
      lending?.(valve);
      return bytes$.pipe(
        whileFollowing(open$, valve),
        tap((chunk) => subscriber.next(chunk)),
        ignoreElements(),
      );
    };
    return session.execute({ type: 'download', path, to: () => handOn }).subscribe({
      error: (error: unknown) => subscriber.error(error),
      complete: () => subscriber.complete(),
    });
  });

/**
 * A remote file as the place where bytes go, whole or not at all.
 *
 * Completes when the server has verified the content, given it its name and said so; completes early, and takes nothing,
 * when the overwrite policy says that the target stays.
 */
export const remoteSink =
  (session: Session, path: RemotePath, about: Omit<Upload, 'type' | 'path' | 'from'>): Sink =>
  (valve) =>
  (bytes$) =>
    defer(() => {
      // The session's own pipeline begins with what comes out of the outer one.
      const from = (): Source => (open$) => bytes$.pipe(whileFollowing(open$, valve));
      return session
        .execute({ type: 'upload', path, from, ...about })
        .pipe(map((reply): Progress => ({ bytes: 'bytes' in reply ? reply.bytes : 0 })));
    });

/** Keeps a valve of one pipeline closed while the gate of the other one is, as long as the stream lasts. */
const whileFollowing =
  (open$: Observable<boolean>, valve: Valve): MonoTypeOperatorFunction<Buffer> =>
  (bytes$) =>
    new Observable((subscriber) => {
      const following = open$.subscribe({
        next: (open) => (open ? valve.unblock() : valve.block()),
        error: (error: unknown) => subscriber.error(error),
      });
      subscriber.add(following);
      subscriber.add(bytes$.subscribe(subscriber));
    });
