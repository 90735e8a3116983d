/** Does something so many times, one after the other, and gives the seconds of each. */
export const timeEach = async (times: number, act: () => Promise<unknown>): Promise<number[]> => {
  const seconds: number[] = [];
  while (seconds.length < times) {
    const start = performance.now();
    await act();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
};
