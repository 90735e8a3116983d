import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { isUpload } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import { timeEach } from '../../workers/time-each.ts';
import type { ClientCalls } from '../../workers/worker-pair.ts';
import { receiveFile } from './receive-file.ts';
import { sendFile } from './send-file.ts';

let moveOne: () => Promise<void>;

const connect: ClientCalls['connect'] = ({ task, port }) => {
  moveOne = () => (isUpload(task.mode) ? upload(port, task) : receiveFile(connectSocket(port, '127.0.0.1'), task));
  return Promise.resolve();
};

const transfer = (times: number): Promise<number[]> => timeEach(times, () => moveOne());

const upload = async (port: number, task: Task): Promise<void> => {
  const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
  const received = once(socket.resume(), 'end');
  await sendFile(socket, task);
  await received;
};

answerCalls({ connect, transfer } satisfies ClientCalls);
