import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, share } from 'rxjs';
import { serve } from '../lib/index.ts';

export interface Sample {
  readonly root: string;
  readonly port: number;
  /** Ends the server and removes the folder. */
  close(): Promise<void>;
}

const FILES: Readonly<Record<string, string>> = {
  'hello.txt': 'Hello! This file came over a data connection of its own, and its digest was checked.\n',
  'names with blanks.txt': 'At the prompt, quotes or a backslash keep a name together.\n',
  'pub/numbers.txt': Array.from({ length: 1000 }, (_, index) => `${index + 1}\n`).join(''),
};

/** Serves a temporary folder with a few files on a free loopback port. */
export const serveSample = async (): Promise<Sample> => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-sample-'));
  await mkdir(join(root, 'pub'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(root, name), text);
  const events$ = serve({ root, port: 0 }).pipe(share());
  const running = events$.subscribe({ error: () => undefined });
  const listening = await firstValueFrom(events$);
  return {
    root,
    port: listening.type === 'listening' ? listening.port : 0,
    close: async () => {
      running.unsubscribe();
      await rm(root, { recursive: true, force: true });
    },
  };
};
