import type { Socket } from 'node:net';

const LINGER_MS = 500;

/**
 * Closes a connection when what was written is out. What still comes in is thrown away for a moment first: closing on
 * unread bytes would reset the connection, and the peer would lose our last words.
 */
export const closeGently = (socket: Socket): void => {
  if (socket.destroyed) return;
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(linger));
  socket.end();
  socket.resume();
};
