import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/**
 * Passes a connection on to a socket that reads straight into `memory`, which is asked before each read; an accepted socket
 * cannot do so itself. Gives that socket.
 */
export const readInto = (accepted: Socket, memory: () => Buffer, take: (bytes: number) => void): Socket => {
  const owner = accepted as { _handle?: unknown };
  const onread: OnReadOpts = {
    buffer: memory,
    callback: (bytes) => {
      take(bytes);
      return true;
    },
  };
  const reading = new Socket({ handle: owner._handle, onread } as SocketConstructorOpts);
  owner._handle = null;
  return reading.once('close', () => accepted.destroy());
};
