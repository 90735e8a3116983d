import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { missingPrograms, programPath } from '../../programs/find-program.ts';
import { serveProgram } from '../../programs/serve-program.ts';
import type { FtpServer } from './ftp-server.ts';

// The user whom Debian's package makes for this, and who owns nothing else.
const SESSION_USER = 'ftp';

/**
 * vsftpd with the settings of an ordinary anonymous server that takes uploads, except that it wants this run's password.
 *
 * Run by root, it locks its sessions into the bench's folder as a user without rights, as it is meant to be run. Run by
 * anybody else it cannot lock them in, so that the password alone keeps the rest of this machine from seeing that
 * user's files.
 */
export const vsftpd: FtpServer = {
  name: 'vsftpd',
  missing: () => missingPrograms('vsftpd'),
  serve: (task, signal) =>
    serveProgram(task, signal, async ({ port, password, privateFolder }) => {
      // The folder itself must not be writable where sessions are locked in, so theirs is the one above it.
      const root = dirname(task.folder);
      const isRoot = process.getuid?.() === 0;
      if (isRoot) await letSessionsIn(root, task.folder);
      const empty = join(privateFolder, 'empty');
      await mkdir(empty);
      const passwords = join(privateFolder, 'passwords');
      await writeFile(passwords, `${password}\n`, { mode: 0o600 });
      const settings = {
        ...SETTINGS,
        ...(isRoot ? { ftp_username: SESSION_USER } : { run_as_launching_user: 'YES' }),
        listen_port: port,
        anon_root: root,
        email_password_file: passwords,
        secure_chroot_dir: empty,
      };
      const file = join(privateFolder, 'vsftpd.conf');
      const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
      await writeFile(file, lines.join(''), { mode: 0o600 });
      return { file: await programPath('vsftpd'), args: [file], prefix: `${basename(task.folder)}/` };
    }),
};

const SETTINGS = {
  listen: 'YES',
  listen_address: '127.0.0.1',
  background: 'NO',
  anonymous_enable: 'YES',
  local_enable: 'NO',
  secure_email_list_enable: 'YES',
  write_enable: 'YES',
  anon_upload_enable: 'YES',
  anon_mkdir_write_enable: 'YES',
  anon_other_write_enable: 'YES',
  anon_world_readable_only: 'NO',
  anon_umask: '022',
  connect_from_port_20: 'NO',
  xferlog_enable: 'NO',
  max_clients: 0,
  max_per_ip: 0,
};

const letSessionsIn = async (root: string, folder: string): Promise<void> => {
  const idOf = async (flag: string) => Number((await promisify(execFile)('id', [flag, SESSION_USER])).stdout);
  await chown(folder, await idOf('-u'), await idOf('-g'));
  await chmod(folder, 0o755);
  await chmod(root, 0o711);
};
