import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Client } from 'basic-ftp';
import type { Mode } from '../../measure/mode.ts';
import type { ServerAddress } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import { timeEach } from '../../workers/time-each.ts';
import type { ClientCalls } from '../../workers/worker-sides.ts';
import { FTP_USER } from '../ftp/ftp-server.ts';

let actOnce: () => Promise<unknown>;

const connect: ClientCalls['connect'] = async ({ task, address }) => {
  const act = (task.mode === 'sessions' ? wholeSession(task, address) : actsOf(await login(address), task, address))[
    task.mode
  ];
  if (act === undefined) throw new Error(`basic-ftp does no ${task.mode}`);
  actOnce = act;
};

type Acts = Partial<Record<Mode, () => Promise<unknown>>>;

const actsOf = (client: Client, { folder, source, target }: Task, { prefix }: ServerAddress): Acts => {
  const remote = (name: string) => `${prefix}${name}`;
  const local = (name: string) => join(folder, name);
  return {
    'upload-to-file': () => client.uploadFrom(local(source), remote(target)),
    'download-to-file': () => client.downloadTo(local(target), remote(source)),
    'download-to-nothing': () => client.downloadTo(nothing(), remote(source)),
    'upload-tree': () => client.uploadFromDir(local(source), remote(target)),
    'download-tree': () => client.downloadToDir(local(target), remote(source)),
    'list-folder': () => client.list(remote(source)),
  };
};

const wholeSession = ({ source }: Task, address: ServerAddress): Acts => ({
  sessions: async () => {
    const client = await login(address);
    await client.list(`${address.prefix}${source}`);
    await client.send('QUIT');
    client.close();
  },
});

const login = async ({ port, password }: ServerAddress): Promise<Client> => {
  const client = new Client(0, { allowSeparateTransferHost: false, maxListingBytes: Infinity });
  await client.access({ host: '127.0.0.1', port, user: FTP_USER, password });
  return client;
};

const nothing = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

answerCalls({ connect, act: (times) => timeEach(times, actOnce) } satisfies ClientCalls);
