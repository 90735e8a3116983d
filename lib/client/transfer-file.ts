import {
  type Observable,
  Subject,
  catchError,
  concat,
  defer,
  finalize,
  firstValueFrom,
  merge,
  mergeMap,
  of,
  throwError,
} from 'rxjs';
import type { ArrivingContent, ArrivingSegments, Session } from '../dialects/session.ts';
import { SluiceError } from '../errors/errors.ts';
import { PERMISSION_BITS } from '../protocol/entry.ts';
import type { RemotePath } from '../protocol/path.ts';
import { type Checkpoint, type ContentRange, bytesIn } from '../store/checkpoint.ts';
import type { OpenFile, PartKeeping } from '../store/store.ts';
import { withResource } from '../streams/with-resource.ts';
import {
  type Leftover,
  assertSameContent,
  contentBehind,
  keepable,
  leadingPart,
  otherContent,
} from '../transfer/checkpoints.ts';
import type { LocalFile } from '../transfer/local-file.ts';
import { decideOverwrite } from '../transfer/overwrite.ts';
import type { Segment } from '../transfer/segments.ts';
import { segmentsToStore, toStore } from '../transfer/to-store.ts';
import { type ContentFacts, ProgressMeter, type TransferProgress } from '../transfer/transfer-progress.ts';
import { asProgress } from './as-progress.ts';
import type { TransferOptions } from './options.ts';

/**
 * Copies a remote file to a local place, behind what an earlier try left there, or, if that is of another content by
 * now, from the first byte; one attempt in one session.
 */
export const downloadFile = (
  session: Session,
  path: RemotePath,
  { store, path: localPath }: LocalFile,
  { overwrite = 'overwrite', keepTime, keepMode, fsync, resume, segments: count = 1 }: TransferOptions,
): Observable<TransferProgress> => {
  const prepare = async () => {
    const modified = overwrite === 'if-newer' ? await modifiedTime(session, path) : undefined;
    const decision = await decideOverwrite(store, localPath, overwrite, modified);
    return { decision, have: resume && decision === 'write' ? await store.kept?.(localPath) : undefined };
  };
  const receive = (have: Checkpoint | undefined) => {
    let facts: ContentFacts = {};
    const partOptions = (
      { modified, mode }: Pick<ArrivingContent, 'modified' | 'mode'>,
      keep: PartKeeping | undefined,
    ) => ({
      modified: keepTime ? modified : undefined,
      mode: keepMode && mode !== undefined ? mode & PERMISSION_BITS : undefined,
      replace: overwrite !== 'refuse',
      fsync,
      keep,
    });
    const to = ({ size, modified, mode, offset, blocks }: ArrivingContent) => {
      facts = { total: size, resumed: offset };
      const content = resume && blocks ? keepable({ size, modified }, blocks) : undefined;
      const keep = content && { ...content, from: offset > 0 ? leadingPart(have) : undefined };
      return toStore(store, localPath, { ...partOptions({ modified, mode }, keep), size });
    };
    const segmentsTo = ({ size, modified, mode, have, algorithm }: ArrivingSegments) => {
      facts = { total: size, resumed: bytesIn(have?.runs ?? []) };
      const keep = resume && algorithm ? { size, modified, algorithm, from: have } : undefined;
      return segmentsToStore(store, localPath, { ...partOptions({ modified, mode }, keep), size });
    };
    const segments = store.writesAnywhere ? { count, to: segmentsTo } : undefined;
    return session.execute({ type: 'download', path, resume: have, to, segments }).pipe(asProgress(() => facts));
  };
  return defer(prepare).pipe(
    mergeMap(({ decision, have }) => {
      if (decision === 'skip') return of(new ProgressMeter().at('skipped', 0));
      return receive(have).pipe(
        catchError((error: unknown) => {
          if (have === undefined || !isOffsetMismatch(error)) return throwError(() => error);
          return concat(of(startingAgain(error)), receive(undefined));
        }),
      );
    }),
  );
};

/**
 * Copies a local file to a remote path, behind what the server has from an earlier try, or, if that is of another content
 * by now, from the first byte; one attempt in one session.
 */
export const uploadFile = (
  session: Session,
  path: RemotePath,
  { store, path: localPath }: LocalFile,
  { overwrite, keepTime, keepMode, fsync, resume, segments: count = 1 }: TransferOptions,
): Observable<TransferProgress> => {
  const send = (file: OpenFile) => {
    const { size, modified, mode } = file.entry;
    let resumed = 0;
    const again$ = new Subject<TransferProgress>();
    const tell = ({ have, dropped }: Leftover) => {
      resumed = bytesIn(have?.runs ?? []);
      if (dropped !== undefined) again$.next(startingAgain(otherContent(dropped)));
    };
    const from = (there: Leftover) => {
      tell(there);
      return there.have === undefined ? file.content() : contentBehind(file, there.have);
    };
    const segmentsFrom = (ranges: readonly ContentRange[], there: Leftover) =>
      defer(async (): Promise<readonly Segment[]> => {
        tell(there);
        if (there.have !== undefined) await assertSameContent(file, there.have);
        return ranges.map((range) => ({ ...range, source: file.content(range.offset, range.end) }));
      });
    const segments = { count, from: segmentsFrom };
    const about = { size, modified, keepTime, mode: keepMode ? mode & PERMISSION_BITS : undefined };
    const sending$ = session.execute({ type: 'upload', path, from, segments, ...about, overwrite, fsync, resume }).pipe(
      asProgress(() => ({ total: size, resumed })),
      finalize(() => again$.complete()),
    );
    return merge(again$, sending$);
  };
  return withResource(
    () => store.open(localPath),
    (file) => file.close(),
    send,
  );
};

const isOffsetMismatch = (error: unknown): error is SluiceError =>
  error instanceof SluiceError && error.code === 'OFFSET_MISMATCH';

const modifiedTime = async (session: Session, path: RemotePath): Promise<number | undefined> => {
  const reply = await firstValueFrom(session.execute({ type: 'stat', path }));
  return reply.type === 'entry' ? reply.entry.modified : undefined;
};

/** Why a transfer begins again at once, from the first byte. */
const startingAgain = (trouble: SluiceError): TransferProgress => ({
  ...new ProgressMeter().at('waiting', 0),
  trouble,
  waitMs: 0,
});
