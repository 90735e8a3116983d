import {
  type Observable,
  type ObservableInput,
  Subject,
  catchError,
  concat,
  concatMap,
  defer,
  from,
  map,
  mergeMap,
  of,
  reduce,
} from 'rxjs';
import type { SluiceError } from '../../errors/errors.ts';
import { sluiceError } from '../../errors/from-system.ts';
import { createDigest } from '../../operators/digest.ts';
import { exactSize } from '../../operators/exact-size.ts';
import { SMALL_FILE_BYTES } from '../../protocol/block.ts';
import { encodeFrame } from '../../protocol/frame-header.ts';
import type { Valve } from '../../streams/valve.ts';
import type { TreeCount, TreeFile, TreeItem } from '../../transfer/tree.ts';
import { ContentDigest } from './content-digest.ts';
import { ContentWriter, type ContentWriterOptions } from './content-writer.ts';
import { type ContentProof, type TreeHeader, encodeMessage, failureOf } from './messages.ts';
import type { TreeReaderOptions } from './tree-reader.ts';

type FailedItem = Extract<TreeItem, { kind: 'failed' }>;

/** An item that can be written as soon as its turn comes: if a small file, with all its bytes, or why they cannot be read. */
interface PreparedItem {
  readonly item: TreeItem;
  readonly bytes?: Buffer;
  readonly error?: SluiceError;
}

/** Puts a tree into wire form. Holds no content. */
export class TreeWriter {
  readonly #options: TreeReaderOptions;
  readonly #tree: ContentDigest;
  readonly #contentOptions: ContentWriterOptions;
  readonly #problem$ = new Subject<TreeCount>();
  #files = 0;
  #bytes = 0;
  #failed = 0;

  constructor(options: TreeReaderOptions) {
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

  /** Emits the item once, when what has to be there before its turn comes is there: the bytes of a small file. */
  prepare(item: TreeItem): ObservableInput<PreparedItem> {
    if (item.kind !== 'file' || item.size > SMALL_FILE_BYTES) return [{ item }];
    const atOneGo = item.read?.() ?? [undefined];
    return from(atOneGo).pipe(
      mergeMap((bytes) => (bytes?.length === item.size ? [{ item, bytes }] : readContent(item))),
      catchError((error: unknown) => [{ item, error: sluiceError(error) }]),
    );
  }

  /** The item on the wire, when its turn has come; what the frames of a large file are made of is held in the valve. */
  write({ item, bytes, error }: PreparedItem, valve: Valve): readonly Buffer[] | Observable<Buffer> {
    if (error !== undefined) return [this.#failedItem({ kind: 'failed', path: item.path, error })];
    if (item.kind === 'folder') return [this.#header({ type: 'folder', path: [...item.path] })];
    if (item.kind === 'failed') return [this.#failedItem(item)];
    return bytes === undefined ? this.#large(item, valve) : this.#small(item, bytes);
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

  #small(file: TreeFile, bytes: Buffer): Buffer[] {
    const writer = new ContentWriter(this.#contentOptions);
    const frames = writer.write(bytes);
    const { end, proof } = writer.finish();
    this.#sent(proof);
    return [this.#fileHeader(file), ...frames, end];
  }

  #large(file: TreeFile, valve: Valve): Observable<Buffer> {
    const writer = new ContentWriter(this.#contentOptions);
    const end$ = defer(() => {
      const { end, proof } = writer.finish();
      this.#sent(proof);
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

  #sent({ bytes, digest }: ContentProof): void {
    this.#tree.add(digest);
    this.#files += 1;
    this.#bytes += bytes;
  }

  #fileHeader({ path, size, modified, mode }: TreeFile): Buffer {
    return this.#header({ type: 'file', path: [...path], size, modified, mode });
  }

  #header(header: TreeHeader): Buffer {
    return encodeFrame(encodeMessage(header, this.#options.checked));
  }
}

const readContent = (item: TreeFile): Observable<PreparedItem> =>
  item.content(of(true)).pipe(
    exactSize(item.size),
    reduce((chunks, chunk) => [...chunks, chunk], [] as Buffer[]),
    map((chunks) => ({ item, bytes: Buffer.concat(chunks) })),
  );
