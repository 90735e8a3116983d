import type { Client } from '../../../lib/index.ts';
import type { Timing } from '../../measure/sample.ts';
import type { Task } from '../../measure/task.ts';

/** All entries of the task's folder, page after page; and when the first of them came. */
export const listFolder = (client: Client, { source, count }: Task): Promise<Timing> => {
  const start = performance.now();
  let first = NaN;
  let entries = 0;
  return new Promise((resolve, reject) => {
    client.list([source]).subscribe({
      next: () => {
        entries += 1;
        if (entries === 1) first = performance.now() - start;
      },
      error: reject,
      complete: () => {
        if (entries === count)
          resolve({ seconds: [(performance.now() - start) / 1000], figures: { 'first entries, ms': first } });
        else reject(new Error(`the listing has ${entries} of ${count} entries`));
      },
    });
  });
};
