import { once } from 'node:events';
import { type Dir, lstatSync, opendirSync } from 'node:fs';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { join } from 'node:path';
import { isFileMode, isUpload } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import type { ServerCalls } from '../../workers/worker-sides.ts';
import { frame, onFrame } from './frames.ts';
import { receiveContent, sendContent } from './move-content.ts';
import { receiveTree, sendTree } from './move-tree.ts';

const PAGE = 1000;

const start = async (task: Task): Promise<number> => {
  const server = createServer({ noDelay: true }, (socket) => serveOne(socket, task));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

const serveOne = (socket: Socket, task: Task): void => {
  const thank = (receiver = socket) => receiver.end(frame('done'));
  if (isFileMode(task.mode)) {
    if (isUpload(task.mode)) receiveContent(socket, task, thank);
    else sendContent(socket, task);
  } else if (task.mode === 'upload-tree') receiveTree(socket, task, () => thank());
  else if (task.mode === 'download-tree') sendTree(socket, task);
  else converse(socket, task);
};

/** Answers a greeting with a greeting, each `list` with a page, and `quit` with the end. */
const converse = (socket: Socket, { folder, source }: Task): void => {
  let open: Dir | undefined;
  onFrame(socket, (payload) => {
    const { type } = JSON.parse(payload.toString()) as { readonly type: string };
    if (type === 'quit') socket.end(frame('{}'));
    else if (type === 'hello') socket.write(frame('{"type":"hello"}'));
    else {
      const location = join(folder, source);
      open ??= opendirSync(location, { bufferSize: PAGE });
      socket.write(frame(JSON.stringify(pageOf(open, location))));
    }
  });
};

const pageOf = (open: Dir, location: string) => {
  const entries = [];
  for (let next = open.readSync(); next !== null; next = open.readSync()) {
    const { size, mtimeMs, mode } = lstatSync(`${location}/${next.name}`);
    entries.push({ name: next.name, size, modified: mtimeMs, mode });
    if (entries.length === PAGE) return { entries, more: true };
  }
  open.closeSync();
  return { entries, more: false };
};

answerCalls({ start } satisfies ServerCalls);
