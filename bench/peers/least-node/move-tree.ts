import { Blake3Hasher } from '@napi-rs/blake-hash';
import {
  closeSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Task } from '../../measure/task.ts';
import { frame, onFrame } from './frames.ts';

interface Header {
  readonly path: string;
  readonly mode: number;
  readonly modified: number;
}

const digestOf = (bytes: Buffer): string => new Blake3Hasher().update(bytes).digest('hex');

/** Sends each file of the task's folder as three frames, header, content and digest, and an empty one at the end. */
export const sendTree = (socket: Socket, { folder, source }: Task): void => {
  const root = join(folder, source);
  const folders = [''];
  const next = (): void => {
    const path = folders.pop();
    if (path === undefined) return void socket.write(frame(''));
    const frames: Buffer[] = [];
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) folders.push(below);
      else frames.push(...fileFrames(root, below));
    }
    socket.write(Buffer.concat(frames), next);
  };
  next();
};

const fileFrames = (root: string, path: string): Buffer[] => {
  const fd = openSync(join(root, path), 'r');
  const { mode, mtimeMs } = fstatSync(fd);
  const content = readFileSync(fd);
  closeSync(fd);
  const header: Header = { path, mode, modified: mtimeMs };
  return [frame(JSON.stringify(header)), frame(content), frame(digestOf(content))];
};

/** Takes such a tree, and calls back when all of it has its names. */
export const receiveTree = (socket: Socket, { folder, target }: Task, done: () => void): void => {
  const root = join(folder, target);
  const made = new Set<string>();
  let header: Header | undefined;
  let content: Buffer | undefined;
  onFrame(socket, (payload) => {
    if (header === undefined) {
      if (payload.length === 0) return done();
      header = JSON.parse(payload.toString()) as Header;
    } else if (content === undefined) content = payload;
    else {
      if (payload.toString() !== digestOf(content)) throw new Error('the digests differ');
      const parent = dirname(join(root, header.path));
      if (!made.has(parent)) mkdirSync(parent, { recursive: true });
      made.add(parent);
      writeFile(root, header, content);
      header = content = undefined;
    }
  });
};

const writeFile = (root: string, { path, mode, modified }: Header, content: Buffer): void => {
  const hidden = join(root, `${path}.hidden`);
  const fd = openSync(hidden, 'wx');
  writeSync(fd, content);
  fchmodSync(fd, mode);
  futimesSync(fd, modified / 1000, modified / 1000);
  closeSync(fd);
  renameSync(hidden, join(root, path));
};
