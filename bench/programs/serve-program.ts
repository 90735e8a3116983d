import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ServerSide } from '../measure/peer.ts';
import type { Task } from '../measure/task.ts';
import { freePort, isListening } from './loopback-port.ts';
import { Program, waitUntil } from './program.ts';

/** How a foreign server is to be started. */
export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What stands before names there. @default '' */
  readonly prefix?: string;
}

/** What a server's command is made from. */
export interface ServerPlace {
  readonly port: number;
  readonly password: string;
  /** For its configuration: readable by nobody else, and gone with the server. */
  readonly privateFolder: string;
}

/**
 * Starts a foreign server for a task and waits until it listens. It gets a free port of the loopback address and a
 * password that is good for this run.
 */
export const serveProgram = async (
  { folder }: Task,
  signal: AbortSignal,
  prepare: (place: ServerPlace) => Promise<ServerCommand>,
): Promise<ServerSide> => {
  const privateFolder = await mkdtemp(join(dirname(folder), 'server-'));
  const removeFolder = () => rm(privateFolder, { recursive: true, force: true });
  let program: Program | undefined;
  try {
    const port = await freePort();
    const password = randomBytes(16).toString('hex');
    const { file, args, env = {}, prefix = '' } = await prepare({ port, password, privateFolder });
    const started = await Program.start(file, args, { env });
    program = started;
    started.process.stdout?.resume();
    await waitUntil(started, () => isListening(port), signal);
    const close = async () => {
      await started.close();
      await removeFolder();
    };
    return { address: { port, password, prefix }, usage: () => started.usage(), close };
  } catch (error) {
    await program?.close();
    await removeFolder();
    throw error;
  }
};
