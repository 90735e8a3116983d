import {
  type Observable,
  Subject,
  catchError,
  concat,
  concatMap,
  defer,
  from,
  map,
  merge,
  mergeMap,
  of,
  reduce,
} from 'rxjs';
import { sluiceError } from '../../errors/from-system.ts';
import { createDigest } from '../../operators/digest.ts';
import { exactSize } from '../../operators/exact-size.ts';
import { SMALL_FILE_BYTES } from '../../protocol/block.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import type { Valve } from '../../streams/valve.ts';
import type { ReadSmallFiles, TreeCount, TreeFile, TreeItem } from '../../transfer/tree.ts';
import { ContentDigest } from './content-digest.ts';
import { ContentWriter, type ContentWriterOptions } from './content-writer.ts';
import { type ContentProof, type TreeHeader, encodeMessage, failureOf } from './messages.ts';
import { type WholeFile, inPacks, joinedContents } from './packs.ts';
import type { TreeReaderOptions } from './tree-reader.ts';

type FailedItem = Extract<TreeItem, { kind: 'failed' }>;

/** What can be written as soon as its turn comes. */
export interface Prepared {
  /** What it stands for: an item, or the small files of a pack. */
  readonly items: readonly TreeItem[];
  /** Its wire form; what the frames of a large file are made of is held in the valve. To be called once, in its turn. */
  readonly write: (valve: Valve) => readonly Buffer[] | Observable<Buffer>;
}

export interface TreeWriterOptions extends TreeReaderOptions {
  /** Whether small files of a folder may travel as one content. @default false */
  readonly packs?: boolean | undefined;
}

/** Puts a tree into wire form. Holds no content. */
export class TreeWriter {
  readonly #options: TreeWriterOptions;
  readonly #tree: ContentDigest;
  readonly #contentOptions: ContentWriterOptions;
  readonly #problem$ = new Subject<TreeCount>();
  #files = 0;
  #bytes = 0;
  #failed = 0;

  constructor(options: TreeWriterOptions) {
    this.#options = options;
    this.#tree = new ContentDigest(options.digestName);
    this.#contentOptions = { ...options, digest: createDigest(options.digestName), offset: 0 };
  }

  /** Emits at each item that could not be read; completes at `close`. */
  get problem$(): Observable<TreeCount> {
    return this.#problem$.asObservable();
  }

  get count(): TreeCount {
    return { files: this.#files, bytes: this.#bytes, skipped: 0, failed: this.#failed };
  }

  /** Emits the items, each when what has to be there before its turn comes is there: the bytes of a small file. */
  prepare(items: readonly TreeItem[]): Observable<readonly Prepared[]> {
    const ready: Prepared[] = [];
    const small = new Map<ReadSmallFiles | undefined, TreeFile[]>();
    for (const item of items) {
      if (item.kind !== 'file' || item.size > SMALL_FILE_BYTES)
        ready.push({ items: [item], write: (valve) => this.#write(item, valve) });
      else {
        const files = small.get(item.readSmall);
        if (files === undefined) small.set(item.readSmall, [item]);
        else files.push(item);
      }
    }
    return merge(of(ready), ...[...small].map(([read, files]) => this.#prepareSmall(files, read)));
  }

  /** Reads together what can be read so, and then each of the others. */
  #prepareSmall(
    files: readonly TreeFile[],
    read: ReadSmallFiles = () => Promise.resolve([]),
  ): Observable<readonly Prepared[]> {
    return from(read(files).catch(() => [])).pipe(
      mergeMap((contents) => {
        const whole: WholeFile[] = [];
        const left: TreeFile[] = [];
        for (const [index, item] of files.entries()) {
          const bytes = contents[index];
          if (bytes?.length === item.size) whole.push({ item, bytes });
          else left.push(item);
        }
        return concat(of(this.#prepareWhole(whole)), from(left).pipe(mergeMap((item) => this.#prepareContent(item))));
      }),
    );
  }

  #prepareContent(item: TreeFile): Observable<readonly Prepared[]> {
    return item.content(of(true)).pipe(
      exactSize(item.size),
      reduce((chunks, chunk) => [...chunks, chunk], [] as Buffer[]),
      map((chunks) => this.#prepareWhole([{ item, bytes: Buffer.concat(chunks) }])),
      catchError((cause: unknown) => {
        const failed = { kind: 'failed', path: item.path, error: sluiceError(cause) } as const;
        return of([{ items: [item], write: () => [this.#failedItem(failed)] }]);
      }),
    );
  }

  #prepareWhole(files: readonly WholeFile[]): Prepared[] {
    if (this.#options.packs !== true)
      return files.map(({ item, bytes }) => ({
        items: [item],
        write: () => this.#content(this.#fileHeader(item), bytes),
      }));
    return inPacks(files).map((pack) => ({ items: pack.map(({ item }) => item), write: () => this.#pack(pack) }));
  }

  #write(item: TreeItem, valve: Valve): readonly Buffer[] | Observable<Buffer> {
    if (item.kind === 'folder') return [this.#header({ type: 'folder', path: [...item.path] })];
    return item.kind === 'failed' ? [this.#failedItem(item)] : this.#large(item, valve);
  }

  /** The end of the tree on the wire, and what the tree was. */
  finish(): { readonly end: Buffer; readonly proof: ContentProof } {
    const { files, bytes } = this.count;
    return {
      end: this.#header({ type: 'end', files, bytes }),
      proof: { bytes, digest: this.#tree.finish(), files },
    };
  }

  close(): void {
    this.#problem$.complete();
  }

  #pack(pack: readonly WholeFile[]): Buffer[] {
    const path = pack[0]?.item.path.slice(0, -1) ?? [];
    const files = pack.map(({ item: { path: own, size, modified, mode } }) => ({
      name: own.at(-1) ?? '',
      size,
      modified,
      mode,
    }));
    const header = this.#header({ type: 'pack', path, files });
    return this.#content(header, joinedContents(pack), files.length);
  }

  /** A header and the content behind it, of so many files. */
  #content(header: Buffer, bytes: Buffer, files = 1): Buffer[] {
    const writer = new ContentWriter(this.#contentOptions);
    const frames = writer.write(bytes);
    const { end, proof } = writer.finish();
    this.#sent(proof, files);
    return [header, ...frames, end];
  }

  #large(file: TreeFile, valve: Valve): Observable<Buffer> {
    const writer = new ContentWriter(this.#contentOptions);
    const end$ = defer(() => {
      const { end, proof } = writer.finish();
      this.#sent(proof, 1);
      return of(end);
    });
    const frames$ = file.content(valve.open$).pipe(
      exactSize(file.size),
      concatMap((chunk) => from(writer.write(chunk))),
    );
    return concat(of(this.#fileHeader(file)), frames$, end$).pipe(
      catchError((cause: unknown) => {
        const error = sluiceError(cause);
        this.#count({ kind: 'failed', path: file.path, error });
        return of(writer.fail(error));
      }),
    );
  }

  #failedItem(item: FailedItem): Buffer {
    this.#count(item);
    return this.#header({ type: 'failed', path: [...item.path], ...failureOf(item.error) });
  }

  #count({ path, error }: FailedItem): void {
    this.#failed += 1;
    this.#problem$.next({ ...this.count, problem: { path, error } });
  }

  #sent({ bytes, digest }: ContentProof, files: number): void {
    this.#tree.add(digest);
    this.#files += files;
    this.#bytes += bytes;
  }

  #fileHeader({ path, size, modified, mode }: TreeFile): Buffer {
    return this.#header({ type: 'file', path: [...path], size, modified, mode });
  }

  #header(header: TreeHeader): Buffer {
    return encodeFrame(encodeMessage(header, this.#options.checked));
  }
}
