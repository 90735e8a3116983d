import { createWriteStream } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { keepsFile } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';

/** Takes everything that comes, into the task's target or into nothing; settles when it has all. */
export const receiveFile = (socket: Socket, { mode, folder, target }: Task): Promise<void> =>
  pipeline(socket, keepsFile(mode) ? createWriteStream(join(folder, target)) : nothing());

const nothing = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
