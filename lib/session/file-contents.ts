import { type Observable, defer, finalize, from, mergeMap } from 'rxjs';
import type { Download, DownloadSegments, Upload, UploadSegments } from '../dialects/session.ts';
import { MAX_RANGES } from '../protocol/block.ts';
import { type Checkpoint, type ContentRange, leadingRun } from '../store/checkpoint.ts';
import type { OpenFile, PartOptions } from '../store/store.ts';
import type { Progress } from '../streams/flow.ts';
import {
  type KeepableContent,
  type Leftover,
  assertSameContent,
  findLeftover,
  keepable,
  leadingPart,
} from '../transfer/checkpoints.ts';
import { receivingPump, sendingPump } from '../transfer/lending-pumps.ts';
import { besideRanges, isInRanges, missingRanges, planRanges } from '../transfer/ranges.ts';
import { segmentsToStore, toStore } from '../transfer/to-store.ts';
import type { SessionServices } from './session-services.ts';

type FileServices = Pick<SessionServices, 'store' | 'places' | 'maxTransfers'>;

/** How the contents of one session's files get out of the store and into it: behind what is there, or in segments. */
export class FileContents {
  readonly #services: FileServices;
  /** Segments of the running transfers beyond the first of each. */
  #segments = 0;

  constructor(services: FileServices) {
    this.#services = services;
  }

  /** Sends what is missing of a file; before anything is announced, what is not is compared with it. */
  send(file: OpenFile, { resume, to, segments }: Download): Observable<Progress> {
    return from(resume ? assertSameContent(file, resume) : Promise.resolve()).pipe(
      mergeMap(() => {
        if (segments) return this.#sendSegments(file, resume?.runs ?? [], segments, to);
        return sendBehind(file, leadingRun(resume)?.end ?? 0, to);
      }),
    );
  }

  #sendSegments(
    file: OpenFile,
    there: readonly ContentRange[],
    { count, to }: DownloadSegments,
    toWhole: Download['to'],
  ): Observable<Progress> {
    const { entry } = file;
    return this.#inRanges(missingRanges(entry.size, there), count, (ranges) => {
      if (!isInRanges(ranges, entry.size)) return sendBehind(file, ranges[0]?.offset ?? entry.size, toWhole);
      const bytesOf = (range: ContentRange) => ({ ...range, source: file.content(range.offset, range.end) });
      return to({ ...entry, ranges })(ranges.map(bytesOf));
    });
  }

  /** Takes what is missing of an upload's content, and gives the file its name. */
  receive(upload: Upload): Observable<Progress> {
    const { path, size, segments } = upload;
    const { store } = this.#services;
    const source = this.#keepingOf(upload);
    return from(source ? findLeftover(store, path, source) : Promise.resolve({} satisfies Leftover)).pipe(
      mergeMap((there: Leftover) => {
        if (segments === undefined || size === undefined || !store.writesAnywhere)
          return this.#receiveBehind(upload, there);
        const missing = missingRanges(size, there.have?.runs ?? []);
        return this.#inRanges(missing, segments.count, (ranges) =>
          isInRanges(ranges, size)
            ? this.#receiveSegments({ ...upload, segments, size }, ranges, there)
            : this.#receiveBehind(upload, there),
        );
      }),
    );
  }

  #receiveBehind(upload: Upload, there: Leftover): Observable<Progress> {
    const { path, from: content } = upload;
    const have = leadingPart(there.have);
    const toPart = toStore(this.#services.store, path, this.#partOptions(upload, have));
    return receivingPump(content({ ...there, have }), toPart);
  }

  #receiveSegments(
    upload: Upload & { readonly segments: UploadSegments; readonly size: number },
    ranges: readonly ContentRange[],
    there: Leftover,
  ): Observable<Progress> {
    const { path, segments, size } = upload;
    const have = besideRanges(there.have, ranges, size);
    const toPart = segmentsToStore(this.#services.store, path, { ...this.#partOptions(upload, have), size });
    return segments.from(ranges, { ...there, have }).pipe(mergeMap(toPart));
  }

  /** Does something with ranges for what is missing: in as many places as there are, which are taken until it ends. */
  #inRanges<T>(
    missing: readonly ContentRange[],
    count: number,
    move: (ranges: readonly ContentRange[]) => Observable<T>,
  ): Observable<T> {
    return defer(() => {
      const { places, maxTransfers } = this.#services;
      const wanted = planRanges(missing, Math.min(Math.max(count, missing.length), MAX_RANGES));
      // One session's share of the places that all have in common: as many again as it may have transfers.
      const more = places.enterUpTo(Math.min(wanted.length - 1, maxTransfers - this.#segments));
      this.#segments += more.count;
      return defer(() => move(planRanges(missing, 1 + more.count))).pipe(
        finalize(() => {
          this.#segments -= more.count;
          more.leave();
        }),
      );
    });
  }

  /** How an upload is kept, as it asks for, with what is there of it. */
  #partOptions(upload: Upload, have: Checkpoint | undefined): PartOptions {
    const { size, modified, keepTime, mode, overwrite, fsync } = upload;
    const source = this.#keepingOf(upload);
    return {
      size,
      mode,
      fsync,
      modified: keepTime ? modified : undefined,
      replace: overwrite !== 'refuse',
      keep: source && { ...source, from: have },
    };
  }

  /** What has to be known of an upload's content to go on with it later; nothing where that is not wanted or cannot be. */
  #keepingOf({ blocks, resume, size, modified }: Upload): KeepableContent | undefined {
    if (!blocks || !resume) return undefined;
    const { algorithm, digest$ } = blocks;
    // A hole could not be filled later.
    return keepable({ size, modified }, this.#services.store.writesAnywhere ? blocks : { algorithm, digest$ });
  }
}

const sendBehind = (file: OpenFile, offset: number, to: Download['to']): Observable<Progress> =>
  sendingPump(file.content(offset), to({ ...file.entry, offset }));
