import { once } from 'node:events';
import { type Socket, connect as connectSocket } from 'node:net';
import { isFileMode, isUpload } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import { timeEach } from '../../workers/time-each.ts';
import type { ClientCalls } from '../../workers/worker-sides.ts';
import { frame, onFrame } from './frames.ts';
import { receiveContent, sendContent } from './move-content.ts';
import { receiveTree, sendTree } from './move-tree.ts';

type Act = ClientCalls['act'];

const CONNECTING_AT_ONCE = 50;

let act: Act;

const connect: ClientCalls['connect'] = ({ task, address: { port } }) => {
  if (task.mode === 'idle-sessions') act = holdIdle(port, task.count);
  else if (task.mode === 'list-folder') act = () => listFolder(port, task);
  else if (task.mode === 'sessions') act = (times) => timeEach(times, () => wholeSession(port));
  else act = (times) => timeEach(times, () => move(port, task));
  return Promise.resolve();
};

const dial = (port: number): Socket => connectSocket({ port, host: '127.0.0.1', noDelay: true });

/** One content or tree over a connection of its own, until the receiver has it. */
const move = async (port: number, task: Task): Promise<void> => {
  const socket = dial(port);
  await once(socket, 'connect');
  await new Promise<void>((resolve) => {
    const [send, receive] = isFileMode(task.mode) ? [sendContent, receiveContent] : [sendTree, receiveTree];
    if (!isUpload(task.mode)) return receive(socket, task, () => resolve());
    onFrame(socket, () => resolve());
    send(socket, task);
  });
  socket.destroy();
};

/** A control connection on which one question is asked at a time. */
const converse = (port: number) => {
  const socket = dial(port);
  let answered: (answer: unknown) => void = () => undefined;
  onFrame(socket, (payload) => answered(JSON.parse(payload.toString())));
  const ask = (question: string): Promise<unknown> =>
    new Promise((resolve) => {
      answered = resolve;
      socket.write(frame(question));
    });
  return { socket, ask };
};

const wholeSession = async (port: number): Promise<void> => {
  const { socket, ask } = converse(port);
  await ask('{"type":"hello"}');
  await ask('{"type":"list"}');
  await ask('{"type":"quit"}');
  socket.destroy();
};

/** Each act opens that many sessions, which stay until the next one has closed them. */
const holdIdle = (port: number, count: number): Act => {
  let held: Socket[] = [];
  const open = async (): Promise<Socket> => {
    const { socket, ask } = converse(port);
    await ask('{"type":"hello"}');
    return socket;
  };
  return async (times) => {
    await Promise.all(held.map((socket) => once(socket.destroy(), 'close')));
    held = [];
    return timeEach(times, async () => {
      while (held.length < count) {
        const next = Math.min(CONNECTING_AT_ONCE, count - held.length);
        held.push(...(await Promise.all(Array.from({ length: next }, open))));
      }
    });
  };
};

const listFolder = async (port: number, { count }: Task) => {
  const start = performance.now();
  const { socket, ask } = converse(port);
  let first = NaN;
  let entries = 0;
  for (let more = true; more;) {
    const page = (await ask('{"type":"list"}')) as { readonly entries: readonly unknown[]; readonly more: boolean };
    if (entries === 0) first = performance.now() - start;
    entries += page.entries.length;
    more = page.more;
  }
  socket.destroy();
  if (entries !== count) throw new Error(`the listing has ${entries} of ${count} entries`);
  return { seconds: [(performance.now() - start) / 1000], figures: { 'first entries, ms': first } };
};

answerCalls({ connect, act: (times) => act(times) } satisfies ClientCalls);
