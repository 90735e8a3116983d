import { type ServeOptions, serve } from '../../../lib/index.ts';
import { DISTANCES, type Mode, sendsMemory } from '../../measure/mode.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import type { ServerCalls } from '../../workers/worker-sides.ts';
import { MemoryStore } from './memory-store.ts';

// Sessions beside those that are counted: one that looks on, and some that are still ending.
const SPARE = 100;

const start: ServerCalls['start'] = ({ mode, folder, size, count, idle }) => {
  // A link leads to one port.
  const ports: Pick<ServeOptions, 'dataPorts'> = DISTANCES[mode] ? { dataPorts: 'same' } : {};
  const where: ServeOptions = needsDisk(mode) ? { root: folder } : { store: new MemoryStore(size) };
  const sessions = count + idle + SPARE;
  return new Promise((resolve, reject) => {
    serve({ ...where, ...ports, port: 0, maxSessions: sessions, maxSessionsPerAddress: sessions }).subscribe({
      next: (event) => {
        if (event.type === 'listening') resolve(event.port);
      },
      error: reject,
    });
  });
};

const needsDisk = (mode: Mode): boolean => mode !== 'upload-to-nothing' && !sendsMemory(mode);

answerCalls({ start } satisfies ServerCalls);
