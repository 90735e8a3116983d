import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { Observable, concat, defer, finalize } from 'rxjs';
import type { Source } from './flow.ts';
import { fromReadable } from './from-readable.ts';

/** Where the bytes of a socket are read to. */
export interface ReadMemory {
  /** Memory for at least one byte. Asked before each read, when the bytes of the read before it were taken. */
  next(): Buffer;
  /** To be told how many bytes were read into what it gave last. */
  filled(bytes: number): void;
}

/**
 * The bytes of a TCP connection, read straight to where their taker wants them, and emitted as views of that memory.
 *
 * Completes, errors and is torn down as `fromReadable` is for a socket of its own. What the socket has read already comes
 * first, whatever the gate says, in memory of its own; and so does everything from sockets that cannot do this: a taker has to
 * look where its bytes are. Holds nothing.
 *
 * A socket itself reads into 64 KiB of fresh memory each time, which is copied to its place and left to the collector; what
 * that costs stands in docs/decisions.md.
 */
export const fromSocket =
  (socket: Socket, memory: ReadMemory): Source =>
  (open$) =>
    defer(() => {
      const begun = readBefore(socket);
      const handle = handleOf(socket);
      const bytes$ = (handle === undefined ? fromReadable(socket) : readInPlace(socket, handle, memory))(open$);
      // Who leaves with the first chunk leaves before the rest is subscribed, which would close the socket.
      return begun.length === 0 ? bytes$ : concat(begun, bytes$).pipe(finalize(() => socket.destroy()));
    });

/** What a socket has read and nobody has taken; some versions of Node give it in one piece, others in several. */
const readBefore = (socket: Socket): Buffer[] => {
  const chunks: Buffer[] = [];
  for (let chunk = take(socket); chunk !== null; chunk = take(socket)) chunks.push(chunk);
  return chunks;
};

const take = (socket: Socket): Buffer | null => socket.read() as Buffer | null;

/** What stands between a socket and its connection, as Node's own modules pass it from one socket to another. */
interface Handle {
  readonly useUserBuffer: (memory: Buffer) => unknown;
}

interface HandleOwner {
  _handle?: Handle | null;
}

/** Where a connection can be passed on; not that of a TLS socket, whose bytes are not the connection's. */
const handleOf = (socket: Socket): Handle | undefined => {
  const { _handle: handle } = socket as HandleOwner;
  const isPlain = Object.getPrototypeOf(socket) === Socket.prototype && socket.writableLength === 0;
  return isPlain && typeof handle?.useUserBuffer === 'function' ? handle : undefined;
};

/**
 * Node reads into memory of ours (`onread`) only for sockets that were made so, which accepted ones never are: so the
 * connection gets another socket. The old one stays as what its owners know, and each is closed with the other.
 */
const readInPlace =
  (socket: Socket, handle: Handle, memory: ReadMemory): Source =>
  (open$) =>
    new Observable((subscriber) => {
      const onread: OnReadOpts = {
        buffer: () => memory.next(),
        callback: (bytes, buffer) => {
          memory.filled(bytes);
          subscriber.next((buffer as Buffer).subarray(0, bytes));
          return true;
        },
      };
      // Paused, so that it begins to read itself when it goes on, whatever the old one did last.
      const reading = new Socket({ handle, onread } as SocketConstructorOpts).pause();
      (socket as HandleOwner)._handle = null;
      socket.once('close', () => {
        // An old one that had read the end of the connection closes with that, and the new one will read the same.
        if (!socket.readableEnded) reading.destroy();
      });
      fromReadable(reading)(open$).subscribe(subscriber);
      subscriber.add(() => socket.destroy());
    });
