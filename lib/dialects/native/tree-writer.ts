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

/** Puts a tree into wire form. Holds the small files whose turn has not come. */
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

  /** Emits once what writes the item when its turn has come. */
  prepare(item: TreeItem, valve: Valve): ObservableInput<() => ObservableInput<Buffer>> {
    if (item.kind === 'folder') return [() => [encodeFrame(this.#header({ type: 'folder', path: [...item.path] }))]];
    if (item.kind === 'failed') return [() => [this.#failedItem(item)]];
    // A small one is read before its turn comes, and goes out in one piece with its header.
    if (item.size > SMALL_FILE_BYTES) return [() => this.#large(item, valve)];
    return from(item.read?.() ?? [undefined]).pipe(
      mergeMap((bytes) => (bytes?.length === item.size ? [bytes] : wholeContent(item))),
      catchError((error: unknown) => [{ kind: 'failed' as const, path: item.path, error: sluiceError(error) }]),
      map((read) => () => (Buffer.isBuffer(read) ? this.#smallFile(item, read) : [this.#failedItem(read)])),
    );
  }

  /** The end of the tree on the wire, and what the tree was. */
  finish(): { readonly end: Buffer; readonly proof: ContentProof } {
    const { files, bytes } = this.count;
    return {
      end: encodeFrame(this.#header({ type: 'end', files, bytes })),
      proof: { bytes, digest: this.#tree.finish(), files },
    };
  }

  close(): void {
    this.#problem$.complete();
  }

  #smallFile(file: TreeFile, bytes: Buffer): Buffer[] {
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
    return encodeFrame(this.#header({ type: 'failed', path: [...item.path], ...failureOf(item.error) }));
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
    return encodeFrame(this.#header({ type: 'file', path: [...path], size, modified, mode }));
  }

  #header(header: TreeHeader): string {
    return encodeMessage(header, this.#options.checked);
  }
}

const wholeContent = ({ content, size }: TreeFile): Observable<Buffer> =>
  content(of(true)).pipe(
    exactSize(size),
    reduce((chunks, chunk) => [...chunks, chunk], [] as Buffer[]),
    map((chunks) => Buffer.concat(chunks)),
  );
