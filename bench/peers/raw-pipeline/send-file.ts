import { createReadStream } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sendsMemory } from '../../measure/mode.ts';
import type { Task } from '../../measure/task.ts';
import { memoryChunks } from '../../workers/memory-chunks.ts';

/** Sends the task's file, or as many bytes from memory; settles when the kernel has all of it. */
export const sendFile = (socket: Socket, { mode, folder, source, size }: Task): Promise<void> =>
  pipeline(sendsMemory(mode) ? Readable.from(memoryChunks(size)) : createReadStream(join(folder, source)), socket);
