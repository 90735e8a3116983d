import { join } from 'node:path';
import { type Observable, tap } from 'rxjs';
import type { Client, TreeProgress } from '../../../lib/index.ts';
import type { Task } from '../../measure/task.ts';
import { runToEnd } from './run-to-end.ts';

/** The task's folder to this side; fails if anything of it did not come. */
export const downloadTree = (client: Client, { folder, source, target, fsync }: Task): Promise<void> =>
  wholly(client.downloadTree([source], join(folder, target), { fsync }));

/** The task's folder to the server; fails if anything of it did not come. */
export const uploadTree = (client: Client, { folder, source, target, fsync }: Task): Promise<void> =>
  wholly(client.uploadTree(join(folder, source), [target], { fsync }));

const wholly = (progress$: Observable<TreeProgress>): Promise<void> =>
  runToEnd(
    progress$.pipe(
      tap(({ problem }) => {
        if (problem !== undefined) throw problem.error;
      }),
    ),
  );
