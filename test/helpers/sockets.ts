import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';

/** Two ends of one loopback connection, both destroyed when the test ends. */
export const socketPair = async (test: TestContext): Promise<{ near: Socket; far: Socket }> => {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  const [far] = (await accepted) as [Socket];
  await (near.connecting ? once(near, 'connect') : undefined);
  server.close();
  for (const socket of [near, far]) socket.on('error', () => undefined);
  test.after(() => {
    near.destroy();
    far.destroy();
  });
  return { near, far };
};
