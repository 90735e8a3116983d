import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { openSides } from '../../measure/open-sides.ts';
import type { ClientSide, Peer, ServerAddress } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';
import { missingPrograms } from '../../programs/find-program.ts';
import { Program } from '../../programs/program.ts';
import { timeEach } from '../../workers/time-each.ts';
import { FTP_USER, type FtpServer } from '../ftp/ftp-server.ts';

const DONE = 'bench-done';
const FAILED = 'bench-failed';
const PARALLEL = 8;
const FAREWELL_MS = 1000;

/** lftp with an FTP server: one lftp for all acts, told one command after the other; trees by `mirror`. */
export const lftpWith = (server: FtpServer): Peer => ({
  name: `lftp-${server.name}`,
  does: (task) => commandFor(task, '') !== undefined,
  missing: async () => (await missingPrograms('lftp')) ?? (await server.missing()),
  open: (task, signal) =>
    openSides(
      () => server.serve(task, signal),
      (address) => startLftp(task, address, signal),
    ),
});

const startLftp = async (task: Task, { port, password, prefix }: ServerAddress, signal: AbortSignal) => {
  const program = await Program.start('lftp', ['--norc'], { takesInput: true, signal });
  const lines = createInterface({ input: program.process.stdout ?? process.stdin });
  const answers: AsyncIterator<string, unknown> = lines[Symbol.asyncIterator]();
  const tell = (line: string) => program.process.stdin?.write(`${line}\n`);
  for (const line of SETTINGS) tell(line);
  tell(`open -u ${FTP_USER},${password} -p ${port} 127.0.0.1`);
  const perform = async (command: string) => {
    tell(`${command} && echo ${DONE} || echo ${FAILED}`);
    for (;;) {
      const answer = await answers.next();
      if (answer.value === DONE) return;
      if (answer.done === true || answer.value === FAILED) throw new Error(`lftp failed: ${program.output}`);
    }
  };
  const client: ClientSide = {
    act: async (times) => {
      // Its connections remember the folders they were in, which are no longer those of the same name.
      if (task.mode === 'upload-tree') await perform('close -a');
      return timeEach(times, () => perform(commandFor(task, prefix) ?? ''));
    },
    usage: () => program.usage(),
    close: async () => {
      // With a farewell to the server, whose processes then end in order.
      tell('exit');
      await Promise.race([program.ended, wait(FAREWELL_MS)]);
      await program.close();
    },
  };
  return client;
};

const SETTINGS = [
  'set net:max-retries 1',
  'set net:timeout 30',
  'set cache:enable no',
  'set xfer:clobber yes',
  'set xfer:log no',
  'set cmd:save-rl-history no',
];

const commandFor = ({ mode, folder, source, target }: Task, prefix: string): string | undefined => {
  const remote = (name: string) => `"${prefix}${name}"`;
  const local = (name: string) => `"${join(folder, name)}"`;
  switch (mode) {
    case 'upload-to-file':
      return `put ${local(source)} -o ${remote(target)}`;
    case 'download-to-file':
      return `get ${remote(source)} -o ${local(target)}`;
    case 'download-to-nothing':
      return `cat ${remote(source)} > /dev/null`;
    case 'upload-tree':
      return `mirror -R --parallel=${PARALLEL} ${local(source)} ${remote(target)}`;
    case 'download-tree':
      return `mirror --parallel=${PARALLEL} ${remote(source)} ${local(target)}`;
    default:
      return undefined;
  }
};
