import { renameSync, symlinkSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

interface Swap {
  /** A folder whose name is given to a link and back, over and over. */
  readonly folder: string;
  /** A link whose target changes over and over. */
  readonly link: string;
  readonly linkTarget: string;
  /** Where the link leads, and with it the swapped folder, half of the time. */
  readonly outside: string;
  readonly outsideFile: string;
}

/**
 * Swaps a folder for a link, and a link for another, as fast as a thread of its own can, until the test ends: the
 * somebody who can write into a root and wants what is outside.
 */
export const startSwapper = (test: TestContext, swap: Swap): (() => Promise<unknown>) => {
  const worker = new Worker(import.meta.filename, { workerData: swap });
  const stop = () => worker.terminate();
  test.after(stop);
  return stop;
};

const swapForEver = ({ folder, link, linkTarget, outside, outsideFile }: Swap): void => {
  symlinkSync(outside, `${folder}.link`);
  for (;;) {
    renameSync(folder, `${folder}.real`);
    renameSync(`${folder}.link`, folder);
    point(link, outsideFile);
    renameSync(folder, `${folder}.link`);
    renameSync(`${folder}.real`, folder);
    point(link, linkTarget);
  }
};

/** Makes the link lead elsewhere at one stroke: it is there at every moment. */
const point = (link: string, target: string): void => {
  symlinkSync(target, `${link}.next`);
  renameSync(`${link}.next`, link);
};

if (!isMainThread) swapForEver(workerData as Swap);
