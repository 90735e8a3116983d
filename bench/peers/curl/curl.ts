import { join } from 'node:path';
import { isUpload } from '../../measure/mode.ts';
import { openSides } from '../../measure/open-sides.ts';
import type { Peer, ServerAddress } from '../../measure/peer.ts';
import type { Timing } from '../../measure/sample.ts';
import type { Task } from '../../measure/task.ts';
import { type RunCommand, commandClient } from '../../programs/command-client.ts';
import { missingPrograms } from '../../programs/find-program.ts';
import { sideBySide } from '../../workers/time-each.ts';
import { FTP_USER, type FtpServer } from '../ftp/ftp-server.ts';

const MODES = ['upload-to-file', 'download-to-file', 'download-to-nothing', 'downloads-at-once', 'list-folder'];

// Of some versions every other transfer ends with a second of waiting: a few show that as well as many.
const MAX_TIMES = 5;

/**
 * curl with an FTP server. The files of a sample are one run of curl over one control connection, and their seconds are
 * curl's own count for each.
 */
export const curlWith = (server: FtpServer): Peer => ({
  name: `curl-${server.name}`,
  does: ({ mode }) => MODES.includes(mode) || mode === 'cold-start',
  missing: async () => (await missingPrograms('curl')) ?? (await server.missing()),
  open: (task, signal) =>
    openSides(
      () => server.serve(task, signal),
      (address) => Promise.resolve(commandClient(signal, (run, times) => act(run, task, address, times))),
    ),
});

const act = async (run: RunCommand, task: Task, address: ServerAddress, times: number): Promise<Timing> => {
  const { mode, count, size } = task;
  if (mode === 'cold-start') {
    const seconds: number[] = [];
    while (seconds.length < times) seconds.push((await run('curl', ['-K', '-'], configOf(task, address, 1))).seconds);
    return { seconds };
  }
  const atOnce = mode === 'downloads-at-once';
  const transfers = atOnce ? count : Math.min(times, MAX_TIMES);
  const flags = atOnce ? ['--parallel', '--parallel-immediate', '--parallel-max', String(count)] : [];
  const { stdout, seconds } = await run('curl', [...flags, '-K', '-'], configOf(task, address, transfers));
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  for (const [, , bytes = 0] of lines)
    if (bytes !== size && mode !== 'list-folder') throw new Error(`curl moved ${bytes} of ${size} bytes`);
  const each = lines.map(([, total = NaN]) => total);
  if (atOnce) return sideBySide(seconds, each);
  if (mode === 'list-folder') return { seconds: each, figures: { 'first entries, ms': (lines[0]?.[0] ?? NaN) * 1000 } };
  return { seconds: each };
};

// On standard input, where neither a password nor a thousand names are in anybody's way.
const configOf = (task: Task, address: ServerAddress, transfers: number) => {
  const common = ['silent', 'show-error', 'fail', `user = "${FTP_USER}:${address.password}"`];
  const moved = isUpload(task.mode) ? '%{size_upload}' : '%{size_download}';
  const report = task.mode === 'cold-start' ? [] : [`write-out = "%{time_starttransfer} %{time_total} ${moved}\\n"`];
  const one = transferLines(task, address);
  return { input: [...common, ...report, ...Array.from({ length: transfers }, () => one).flat()].join('\n') };
};

const transferLines = ({ mode, folder, source, target }: Task, { port, prefix }: ServerAddress): string[] => {
  const base = `ftp://127.0.0.1:${port}/${prefix}`;
  if (isUpload(mode)) return [`upload-file = "${join(folder, source)}"`, `url = "${base}${target}"`];
  const output = mode === 'download-to-file' ? join(folder, target) : '/dev/null';
  const isFolder = mode === 'list-folder' || mode === 'cold-start';
  return [`url = "${base}${source}${isFolder ? '/' : ''}"`, `output = "${output}"`];
};
