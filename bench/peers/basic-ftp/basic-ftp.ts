import { openSides } from '../../measure/open-sides.ts';
import type { Peer } from '../../measure/peer.ts';
import { startClientWorker } from '../../workers/worker-sides.ts';
import type { FtpServer } from '../ftp/ftp-server.ts';

const MODES = [
  'upload-to-file',
  'download-to-file',
  'download-to-nothing',
  'upload-tree',
  'download-tree',
  'sessions',
  'list-folder',
];

const client = new URL('./client-worker.js', import.meta.url);

/** The FTP client that Node programs use, in a process of its own, with an FTP server. */
export const basicFtpWith = (server: FtpServer): Peer => ({
  name: `basic-ftp-${server.name}`,
  does: ({ mode }) => MODES.includes(mode),
  missing: () => server.missing(),
  open: (task, signal) =>
    openSides(
      () => server.serve(task, signal),
      (address) => startClientWorker(client, task, address, signal),
    ),
});
