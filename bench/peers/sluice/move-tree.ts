import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Observable, concat, defer, filter, from, ignoreElements, mergeMap, toArray } from 'rxjs';
import type { Client, RemotePath } from '../../../lib/index.ts';
import type { Task } from '../../measure/task.ts';
import { runToEnd } from './run-to-end.ts';

// The only place that knows how a tree is moved: file by file, this many at a time, in one session.
const AT_ONCE = 8;

export const downloadTree = (client: Client, { folder, source, target, fsync }: Task): Promise<void> =>
  runToEnd(downloadFolder(client, [source], join(folder, target), fsync));

export const uploadTree = async (client: Client, { folder, source, target, fsync }: Task): Promise<void> => {
  const local = join(folder, source);
  const entries = await readdir(local, { recursive: true, withFileTypes: true });
  const remoteOf = (entry: (typeof entries)[number]): RemotePath => [
    target,
    ...join(entry.parentPath, entry.name)
      .slice(local.length + 1)
      .split('/'),
  ];
  await client.makeFolder([target]);
  for (const entry of entries) if (entry.isDirectory()) await client.makeFolder(remoteOf(entry));
  const upload$ = from(entries).pipe(
    filter((entry) => entry.isFile()),
    mergeMap((entry) => client.upload(join(entry.parentPath, entry.name), remoteOf(entry), { fsync }), AT_ONCE),
  );
  await runToEnd(upload$);
};

const downloadFolder = (client: Client, path: RemotePath, local: string, fsync: boolean): Observable<unknown> =>
  concat(
    defer(() => mkdir(local)).pipe(ignoreElements()),
    client.list(path).pipe(
      toArray(),
      mergeMap((entries) =>
        concat(
          from(entries.filter(({ kind }) => kind === 'file')).pipe(
            mergeMap(({ name }) => client.download([...path, name], join(local, name), { fsync }), AT_ONCE),
          ),
          // Folder after folder, so that no more than that many files are on their way.
          ...entries
            .filter(({ kind }) => kind === 'folder')
            .map(({ name }) => defer(() => downloadFolder(client, [...path, name], join(local, name), fsync))),
        ),
      ),
    ),
  );
