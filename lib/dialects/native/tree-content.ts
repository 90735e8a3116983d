import type { Socket } from 'node:net';
import {
  Observable,
  ReplaySubject,
  concat,
  concatMap,
  defer,
  finalize,
  isObservable,
  map,
  merge,
  mergeMap,
  of,
  tap,
} from 'rxjs';
import type { DigestName } from '../../operators/digest.ts';
import { gatherTurn } from '../../operators/gather-turn.ts';
import { joinInTurn } from '../../operators/join-in-turn.ts';
import { Handover } from '../../streams/handover.ts';
import { toWritable } from '../../streams/to-writable.ts';
import { Valve } from '../../streams/valve.ts';
import { type TreeFile, type TreeItem, type TreeSink, type TreeSource, weightOf } from '../../transfer/tree.ts';
import { dataConnectionLost, restWhileClosed } from './content.ts';
import type { ArrivedBlock } from './content-reader.ts';
import { type ContentProof, type TreeHeader, remoteError } from './messages.ts';
import { receivedPieces } from './received-pieces.ts';
import type { ContentPulse } from './transfer-pulse.ts';
import { type PackedFile, type RefusedItem, type TreePart, TreeReader } from './tree-reader.ts';
import { TreeWriter } from './tree-writer.ts';

export interface TreeContentOptions {
  readonly digestName: DigestName;
  /** Largest frame of content, in bytes. */
  readonly maxFrame: number;
  /** Whether messages carry a check, those of the data connection too. @default false */
  readonly checked?: boolean | undefined;
  /** Whether the receiver takes packs. @default false */
  readonly packs?: boolean | undefined;
  /** Told of every piece that moves, and how to tell whether a rest is this side's. */
  readonly pulse: ContentPulse;
  /** Told once what the whole tree was, before the stream completes. */
  readonly onProof: (proof: ContentProof) => void;
}

// What a socket takes at one go; joining more would only copy more.
const JOINED_BYTES = 64 * 1024;

/**
 * A data connection as the place where a tree goes. Counts what has been prepared for it; completes when the kernel has
 * taken all of it, which says nothing about the receiver. Errors with `CLOSED_EARLY`.
 */
export const sendTree =
  (socket: Socket, { pulse, onProof, ...options }: TreeContentOptions): TreeSink =>
  (valve) =>
  (item$) =>
    defer(() => {
      const writer = new TreeWriter(options);
      // A valve of its own for bytes: the items that wait behind a large file would keep the other one closed. An item is done
      // when its bytes are on their way, so while these are too many no more items come.
      const bytes = new Valve();
      const holdingBack = bytes.open$.subscribe({
        next: (isOpen) => (isOpen ? valve.unblock() : valve.block()),
        error: neverFails,
      });
      const wire$ = item$.pipe(
        tap((item) => valve.hold(weightOf(item))),
        // Small files are read together, and other small files meanwhile; what bounds that is the valve.
        gatherTurn(),
        mergeMap((items) => writer.prepare(items)),
        concatMap((prepared) => prepared),
        concatMap((prepared) => {
          const wire = prepared.write(bytes);
          const release = () => valve.release(prepared.items.reduce((sum, item) => sum + weightOf(item), 0));
          if (isObservable(wire)) return wire.pipe(finalize(release));
          release();
          return wire;
        }),
      );
      const end$ = defer(() => {
        const { end, proof } = writer.finish();
        onProof(proof);
        pulse.ended(false);
        return of(end);
      });
      pulse.restsHereWhile(() => socket.writableLength === 0);
      const sent$ = concat(wire$, end$).pipe(
        joinInTurn(JOINED_BYTES),
        toWritable(socket, { nameError: dataConnectionLost })(bytes),
        tap(() => pulse.moved()),
        map(() => writer.count),
        finalize(() => {
          holdingBack.unsubscribe();
          writer.close();
        }),
      );
      return merge(sent$, writer.problem$);
    });

/**
 * A data connection as the place where a tree comes from. Small files come whole and proven; of others, blocks come as
 * they are proven. Completes only after an end that agrees with what arrived. Errors with `CLOSED_EARLY` when the
 * connection ends before that, and with frame and protocol errors. A file that the sender could not read to its end
 * fails alone.
 */
export const receiveTree =
  (socket: Socket, { pulse, onProof, ...options }: TreeContentOptions): TreeSource =>
  (valve) =>
    new Observable((subscriber) => {
      const reader = new TreeReader(options);
      subscriber.add(restWhileClosed(pulse, valve.open$));
      const arriving = new ArrivingFile(options.digestName, valve);
      const take = (part: TreePart) => {
        switch (part.type) {
          case 'folder':
            return subscriber.next({ kind: 'folder', path: part.path });
          case 'failed':
            return subscriber.next({ kind: 'failed', path: part.path, error: remoteError(part) });
          case 'refused':
            return subscriber.next(itemOf(part));
          case 'file':
            return arriving.begin(part);
          case 'block': {
            const item = arriving.add(part.block);
            if (item !== undefined) subscriber.next(item);
            return;
          }
          case 'pack':
            for (const file of part.files) subscriber.next(itemOf(file));
            return;
          case 'end':
            onProof(part.proof);
            pulse.ended(true);
            return subscriber.complete();
        }
      };
      return receivedPieces(socket, reader, pulse, valve.open$).subscribe({
        next: (piece) => {
          try {
            const part = reader.read(piece);
            if (part !== undefined) take(part);
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error: unknown) => subscriber.error(dataConnectionLost(error)),
        complete: () => subscriber.error(dataConnectionLost()),
      });
    });

const itemOf = (part: PackedFile | RefusedItem): TreeItem => {
  const { path } = part;
  if (part.type === 'refused') return { kind: 'failed', path, error: part.error };
  const { size, modified, mode, bytes } = part;
  return { kind: 'file', path, size, modified, mode, content: () => of(bytes), whole: bytes };
};

// Digests wait for the taker of a file no longer than its first blocks, which fill the valve at two.
const DIGESTS_WAITING = 16;

type FileHeader = Extract<TreeHeader, { type: 'file' }>;

/** The file of a tree that is arriving: an item with its first block, or whole if it has no other. */
class ArrivingFile {
  readonly #algorithm: DigestName;
  readonly #valve: Valve;
  #header: FileHeader | undefined;
  #content: Handover | undefined;
  #digest$ = new ReplaySubject<string>(DIGESTS_WAITING);

  constructor(algorithm: DigestName, valve: Valve) {
    this.#algorithm = algorithm;
    this.#valve = valve;
  }

  begin(header: FileHeader): void {
    this.#header = header;
  }

  /** Takes the next block; gives the item if this is the first one. */
  add(block: ArrivedBlock): TreeItem | undefined {
    const item = this.#content === undefined ? this.#first(block) : undefined;
    this.#digest$.next(block.digest);
    if (block.bytes.length > 0) this.#content?.give(block.bytes);
    if (block.failed !== undefined) this.#content?.error(block.failed);
    else if (block.proof !== undefined) this.#content?.complete();
    else return item;
    this.#content = undefined;
    return item;
  }

  #first({ bytes, proof, failed }: ArrivedBlock): TreeItem | undefined {
    if (this.#header === undefined) return undefined;
    const { path, size, modified, mode } = this.#header;
    if (failed !== undefined) return { kind: 'failed', path, error: failed };
    if (proof !== undefined) return itemOf({ type: 'file', path, size, modified, mode, bytes });
    const content = (this.#content = new Handover(this.#valve));
    const digest$ = (this.#digest$ = new ReplaySubject<string>(DIGESTS_WAITING));
    const file: TreeFile = {
      kind: 'file',
      path,
      size,
      modified,
      mode,
      content: () => content.bytes$,
      blocks: { algorithm: this.#algorithm, digest$ },
      drop: () => content.drop(),
    };
    return file;
  }
}

const neverFails = () => undefined;
