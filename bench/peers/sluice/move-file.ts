import { join } from 'node:path';
import { type Client, fromChunks, pump, toNothing } from '../../../lib/index.ts';
import type { FileMode } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { memoryChunks } from '../../workers/memory-chunks.ts';
import { runToEnd } from './run-to-end.ts';

/** One transfer of the task's file in a session. */
export const moveFile = (
  client: Client,
  mode: FileMode,
  { folder, source, target, size, fsync }: Task,
): Promise<void> => {
  const download = () => pump(client.source([source]), toNothing());
  const upload = () => client.upload(join(folder, source), [target], { fsync });
  const runs = {
    'upload-to-file': upload,
    'upload-to-nothing': upload,
    'upload-from-memory': () => pump(fromChunks(memoryChunks(size)), client.sink([target], { fsync })),
    'download-to-file': () => client.download([source], join(folder, target), { fsync }),
    'download-to-nothing': download,
    'download-from-memory': download,
  };
  return runToEnd(runs[mode]());
};
