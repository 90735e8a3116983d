import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { isUpload } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import type { ServerCalls } from '../../workers/worker-sides.ts';
import { receiveFile } from './receive-file.ts';
import { sendFile } from './send-file.ts';

const start = async (task: Task): Promise<number> => {
  const serveOne = isUpload(task.mode) ? takeUpload : sendFile;
  const server = createServer({ allowHalfOpen: true }, (socket) => void serveOne(socket, task));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

/** Ends the connection when all is written: the only receipt that this peer knows. */
const takeUpload = async (socket: Socket, task: Task): Promise<void> => {
  await receiveFile(socket, task);
  socket.end();
};

answerCalls({ start } satisfies ServerCalls);
