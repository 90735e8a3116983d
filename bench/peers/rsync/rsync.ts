import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUpload } from '../../measure/mode.ts';
import { openSides } from '../../measure/open-sides.ts';
import type { Peer, ServerAddress } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';
import { commandClient, repeatRuns } from '../../programs/command-client.ts';
import { missingPrograms, programPath } from '../../programs/find-program.ts';
import { type ServerPlace, serveProgram } from '../../programs/serve-program.ts';

const MODES = ['upload-to-file', 'download-to-file', 'upload-tree', 'download-tree'];

// It knows no session: each transfer is a start of the program, and a few of them say as much as many.
const MAX_TIMES = 10;
const USER = 'bench';
const MODULE = 'files';

/** rsync with its own daemon, whole files (`-W`) and whatever the target looks like (`-I`); a process for each act. */
export const rsync: Peer = {
  name: 'rsync',
  does: ({ mode }) => MODES.includes(mode),
  missing: () => missingPrograms('rsync'),
  open: (task, signal) =>
    openSides(
      () => serveProgram(task, signal, (place) => daemonFor(task, place)),
      (address) =>
        Promise.resolve(
          commandClient(signal, (run, times) =>
            repeatRuns(Math.min(times, MAX_TIMES), () =>
              run('rsync', ['-W', '-I', ...pathsOf(task, address)], { env: { RSYNC_PASSWORD: address.password } }),
            ),
          ),
        ),
    ),
};

const daemonFor = async ({ folder }: Task, { port, password, privateFolder }: ServerPlace) => {
  const secrets = join(privateFolder, 'secrets');
  await writeFile(secrets, `${USER}:${password}\n`, { mode: 0o600 });
  // As root the daemon would become nobody, who may not write here; it is locked into the folder instead.
  const asRoot = process.getuid?.() === 0 ? ['use chroot = yes', 'uid = 0', 'gid = 0'] : ['use chroot = no'];
  const lines = [
    `port = ${port}`,
    'address = 127.0.0.1',
    `pid file = ${join(privateFolder, 'pid')}`,
    `lock file = ${join(privateFolder, 'lock')}`,
    `log file = /dev/null`,
    `[${MODULE}]`,
    `path = ${folder}`,
    'read only = no',
    `auth users = ${USER}`,
    `secrets file = ${secrets}`,
    ...asRoot,
  ];
  const config = join(privateFolder, 'rsyncd.conf');
  await writeFile(config, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  return { file: await programPath('rsync'), args: ['--daemon', '--no-detach', `--config=${config}`] };
};

const pathsOf = ({ mode, folder, source, target }: Task, { port }: ServerAddress): string[] => {
  const remote = (name: string) => `rsync://${USER}@127.0.0.1:${port}/${MODULE}/${name}`;
  const local = (name: string) => join(folder, name);
  const isTree = mode.endsWith('-tree');
  // A slash behind a folder's name means what is in it.
  const from = isTree ? `${source}/` : source;
  return [
    ...(isTree ? ['-r'] : []),
    ...(isUpload(mode) ? [local(from), remote(target)] : [remote(from), local(target)]),
  ];
};
