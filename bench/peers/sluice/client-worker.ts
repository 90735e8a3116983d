import { join } from 'node:path';
import { type Client, connectClient, pump, toNothing } from '../../../lib/index.ts';
import type { Mode } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import { timeEach } from '../../workers/time-each.ts';
import type { ClientCalls } from '../../workers/worker-pair.ts';

interface Run {
  subscribe(observer: { error: (error: unknown) => void; complete: () => void }): unknown;
}

let makeRun: () => Run;

const connect: ClientCalls['connect'] = async ({ task, port }) => {
  const client = await connectClient({ host: '127.0.0.1', port });
  makeRun = runsOf(client, task)[task.mode];
};

const transfer = (times: number): Promise<number[]> => timeEach(times, () => completion(makeRun()));

const runsOf = (client: Client, { folder, source, target, fsync }: Task): Readonly<Record<Mode, () => Run>> => {
  const upload = () => client.upload(join(folder, source), [target], { fsync });
  return {
    'upload-to-file': upload,
    'upload-to-nothing': upload,
    'download-to-file': () => client.download([source], join(folder, target), { fsync }),
    'download-to-nothing': () => pump(client.source([source]), toNothing()),
  };
};

const completion = (run: Run): Promise<void> =>
  new Promise((resolve, reject) => {
    run.subscribe({ error: reject, complete: resolve });
  });

answerCalls({ connect, transfer } satisfies ClientCalls);
