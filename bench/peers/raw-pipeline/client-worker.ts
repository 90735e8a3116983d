import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { isUpload } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import { sideBySide, timeEach, timeOne } from '../../workers/time-each.ts';
import type { ClientCalls } from '../../workers/worker-sides.ts';
import { receiveFile } from './receive-file.ts';
import { sendFile } from './send-file.ts';

let act: ClientCalls['act'];

const connect: ClientCalls['connect'] = ({ task, address: { port } }) => {
  const moveOne = () =>
    isUpload(task.mode) ? upload(port, task) : receiveFile(connectSocket(port, '127.0.0.1'), task);
  act = task.count > 1 ? () => moveTogether(task.count, moveOne) : (times) => timeEach(times, moveOne);
  return Promise.resolve();
};

const moveTogether = async (count: number, moveOne: () => Promise<void>) => {
  let each: number[] = [];
  const whole = await timeOne(async () => {
    each = await Promise.all(Array.from({ length: count }, () => timeOne(moveOne)));
  });
  return sideBySide(whole, each);
};

const upload = async (port: number, task: Task): Promise<void> => {
  const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
  const received = once(socket.resume(), 'end');
  await sendFile(socket, task);
  await received;
};

answerCalls({ connect, act: (times) => act(times) } satisfies ClientCalls);
