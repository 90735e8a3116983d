import { join } from 'node:path';
import type { Mode } from '../../measure/mode.ts';
import { openClient } from '../../measure/open-sides.ts';
import type { Peer } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';
import { commandClient, repeatRuns } from '../../programs/command-client.ts';
import { missingPrograms } from '../../programs/find-program.ts';

/** A local command that bounds what a transfer program can do, run anew for each act. */
const command = (name: string, mode: Mode, file: string, argsFor: (task: Task) => readonly string[]): Peer => ({
  name,
  does: (task) => task.mode === mode,
  missing: () => missingPrograms(...(file === process.execPath ? [] : [file])),
  open: (task, signal) =>
    Promise.resolve(
      openClient(commandClient(signal, (run, times) => repeatRuns(times, () => run(file, argsFor(task))))),
    ),
});

/** Names and inodes of a folder on this machine in its own order: no listing over a network can be faster. */
export const lsUnsorted = command('ls-U', 'list-folder', 'ls', ({ folder, source }) => ['-U', join(folder, source)]);

/** Node doing nothing: what every program on it takes at least from a cold start. */
export const bareNode = command('node', 'cold-start', process.execPath, () => ['-e', '0']);
