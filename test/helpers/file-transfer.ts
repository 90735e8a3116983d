import assert from 'node:assert/strict';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Observable, tap } from 'rxjs';
import type { TransferOptions, TransferProgress } from '../../lib/index.ts';
import { PART_PREFIX } from '../../lib/protocol/path.ts';
import type { Scene } from '../faults/scene.ts';
import type { Direction } from './fault-proxy.ts';
import { MODIFIED } from './kept-part.ts';

/** A file that goes one way between a client and a server, through a scene's network. */
export interface FileTransfer {
  /** Begins a transfer. */
  readonly run: (options?: TransferOptions) => Observable<TransferProgress>;
  /** All progress of all tries so far. */
  readonly seen: readonly TransferProgress[];
  readonly source: string;
  readonly target: string;
  /** Folder of the target. */
  readonly folder: string;
  /** Bytes of the data connections so far, one by one. */
  readonly wire: () => number[];
}

export const startFileTransfer = async (
  { client, server, proxy, local }: Scene,
  direction: Direction,
  content: Buffer,
): Promise<FileTransfer> => {
  const seen: TransferProgress[] = [];
  const [sources, folder] = direction === 'up' ? [local, server.root] : [server.root, local];
  const [source, target] = [join(sources, 'source'), join(folder, 'file')];
  await writeFile(source, content);
  await utimes(source, MODIFIED / 1000, MODIFIED / 1000);
  const run = (options?: TransferOptions) =>
    (direction === 'up' ? client.upload(source, ['file'], options) : client.download(['source'], target, options)).pipe(
      tap((progress) => seen.push(progress)),
    );
  const wire = () => proxy.connections('data').map(({ passed }) => passed[direction]);
  return { run, seen, source, target, folder, wire };
};

/** Asserts that the last try ended well, and left nothing but the file; gives what was there before it. */
export const assertArrived = async ({ seen, target, folder }: FileTransfer, content: Buffer): Promise<number> => {
  const { state, bytes, resumed = 0 } = seen.at(-1) ?? assert.fail('nothing was seen');
  assert.deepEqual([state, bytes], ['completed', content.length]);
  assert.ok(content.equals(await readFile(target)));
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith(PART_PREFIX)),
    [],
  );
  return resumed;
};

/** Why tries had to wait for the next one. */
export const troublesOf = ({ seen }: Pick<FileTransfer, 'seen'>) =>
  seen.flatMap(({ state, trouble }) => (state === 'waiting' ? [trouble?.code] : []));
