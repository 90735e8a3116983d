import { createReadStream } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Task } from '../../measure/task.ts';

/** Sends the task's file; settles when the kernel has all of it. */
export const sendFile = (socket: Socket, { folder, source }: Task): Promise<void> =>
  pipeline(createReadStream(join(folder, source)), socket);
