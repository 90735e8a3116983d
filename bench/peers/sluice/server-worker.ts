import { type ServeOptions, serve } from '../../../lib/index.ts';
import { isUpload, keepsFile } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import type { ServerCalls } from '../../workers/worker-pair.ts';
import { DiscardingStore } from './discarding-store.ts';

const start = ({ mode, folder }: Task): Promise<number> => {
  const where: ServeOptions = isUpload(mode) && !keepsFile(mode) ? { store: new DiscardingStore() } : { root: folder };
  return new Promise((resolve, reject) => {
    serve({ ...where, port: 0 }).subscribe({
      next: (event) => {
        if (event.type === 'listening') resolve(event.port);
      },
      error: reject,
    });
  });
};

answerCalls({ start } satisfies ServerCalls);
