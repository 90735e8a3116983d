import type { Timing } from '../measure/sample.ts';

/** Does something so many times, one after the other. */
export const timeEach = async (times: number, act: () => Promise<unknown>): Promise<Timing> => {
  const seconds: number[] = [];
  while (seconds.length < times) seconds.push(await timeOne(act));
  return { seconds };
};

/** The seconds that something takes. */
export const timeOne = async (act: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await act();
  return (performance.now() - start) / 1000;
};

/** What many acts that ran side by side say together: how long all took, and how evenly they were treated. */
export const sideBySide = (wholeSeconds: number, each: readonly number[]): Timing => ({
  seconds: [wholeSeconds],
  figures: { 'slowest / fastest': Math.max(...each) / Math.min(...each) },
});
