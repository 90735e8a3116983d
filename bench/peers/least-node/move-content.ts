import { Blake3Hasher } from '@napi-rs/blake-hash';
import { closeSync, openSync, read, renameSync, write } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { keepsFile } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { readInto } from './read-into.ts';

const DIGEST_BYTES = 64;
const READ_BYTES = 512 * 1024;
const WRITE_BYTES = 1024 * 1024;
const BUFFERS = 4;

/** Sends the task's file, some reads ahead into memory that is used again, and its digest behind it. */
export const sendContent = (socket: Socket, { folder, source, size }: Task): void => {
  const fd = openSync(join(folder, source), 'r');
  const hasher = new Blake3Hasher();
  const free = Array.from({ length: BUFFERS }, (): Buffer => Buffer.allocUnsafeSlow(Math.min(READ_BYTES, size)));
  const arrived = new Map<number, { readonly buffer: Buffer; readonly bytes: number }>();
  let asked = 0;
  let sent = 0;
  const send = (): void => {
    for (let piece = arrived.get(sent); piece !== undefined; piece = arrived.get(sent)) {
      const { buffer, bytes } = piece;
      arrived.delete(sent);
      sent += bytes;
      const content = buffer.subarray(0, bytes);
      hasher.update(content);
      socket.write(content, () => {
        free.push(buffer);
        ask();
      });
    }
    if (sent < size) return;
    closeSync(fd);
    socket.write(hasher.digest('hex'));
  };
  const ask = (): void => {
    while (asked < size) {
      const buffer = free.pop();
      if (buffer === undefined) return;
      const at = asked;
      const bytes = Math.min(buffer.length, size - at);
      asked += bytes;
      read(fd, buffer, 0, bytes, at, () => {
        arrived.set(at, { buffer, bytes });
        send();
      });
    }
  };
  ask();
};

/**
 * Takes so many bytes and their digest, read straight into memory that is used again, compares it, and gives the file its name;
 * then calls back with the connection.
 */
export const receiveContent = (
  accepted: Socket,
  { mode, folder, target, size }: Task,
  done: (socket: Socket) => void,
): void => {
  const hidden = join(folder, `.${target}`);
  const fd = keepsFile(mode) ? openSync(hidden, 'w') : undefined;
  const hasher = new Blake3Hasher();
  const free = Array.from({ length: BUFFERS }, (): Buffer => Buffer.allocUnsafeSlow(Math.min(WRITE_BYTES, size)));
  const digest = Buffer.alloc(DIGEST_BYTES);
  let current: Buffer = free.pop() ?? Buffer.alloc(0);
  let filled = 0;
  let received = 0;
  let flushed = 0;
  let writing = 0;
  const endIfDone = (): void => {
    if (received < size + DIGEST_BYTES || writing > 0) return;
    if (hasher.digest('hex') !== digest.toString()) throw new Error('the digests differ');
    if (fd !== undefined) {
      closeSync(fd);
      renameSync(hidden, join(folder, target));
    }
    done(socket);
  };
  const flush = (): void => {
    const buffer = current;
    const bytes = filled;
    hasher.update(buffer.subarray(0, bytes));
    filled = 0;
    const at = flushed;
    flushed += bytes;
    if (fd === undefined) return;
    writing += 1;
    write(fd, buffer, 0, bytes, at, () => {
      writing -= 1;
      free.push(buffer);
      socket.resume();
      endIfDone();
    });
    current = free.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES);
    if (free.length === 0) socket.pause();
  };
  const memory = (): Buffer =>
    received < size
      ? current.subarray(filled, filled + Math.min(current.length - filled, size - received))
      : digest.subarray(Math.min(received - size, DIGEST_BYTES - 1));
  const take = (bytes: number): void => {
    received += bytes;
    if (received <= size) {
      filled += bytes;
      if (filled === current.length || received === size) flush();
    }
    endIfDone();
  };
  const socket = readInto(accepted, memory, take);
  socket.resume();
};
