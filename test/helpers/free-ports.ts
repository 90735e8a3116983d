import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** The first of some ports in a row that are free, below those that systems give out for other connections. */
export const freePorts = async (count: number): Promise<number> => {
  for (;;) {
    const from = randomInt(20_000, 32_000);
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(from + index)));
    if (free.every(Boolean)) return from;
  }
};

/** Whether nobody listens on a loopback port. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
