import { randomUUID } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { kill, pid } from 'node:process';
import * as v from 'valibot';
import { systemCode } from '../errors/from-system.ts';

/** Which process of which machine writes a part. */
export const PART_OWNER = v.object({
  host: v.string(),
  boot: v.string(),
  pid: v.number(),
  instance: v.string(),
});

export type PartOwner = v.InferOutput<typeof PART_OWNER>;

// A process number is used again, in containers at once; this tells the processes that had it apart.
const INSTANCE = randomUUID();

/** A writer that cannot be asked whether it lives, such as one on another machine, does not if it is silent for so long. */
export const LONG_SILENCE_MS = 60_000;

/** This process. */
export const thisProcess = async (): Promise<PartOwner> => ({
  host: await hostId(),
  boot: await bootId(),
  pid,
  instance: INSTANCE,
});

/**
 * Tells one start of this machine from the next: what was written before it, and not flushed, may be lost. Where the
 * system does not say, no two answers are the same.
 */
export const bootId = async (): Promise<string> => {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
  } catch {
    return `unknown-${INSTANCE}`;
  }
};

/** Where process numbers mean what they mean here: this machine, or the container on it that has its own. */
const hostId = async (): Promise<string> =>
  [hostname(), await readlink('/proc/self/ns/pid').catch(() => '')].join(' ').trim();

/** Whether nobody here can know for certain that the owner of a part is gone. */
export const isElsewhere = async ({ host }: PartOwner): Promise<boolean> => host !== (await hostId());

/** Whether the owner of a part may still write to it; `silentMs` is how long the file has not been written to. */
export const mayStillWrite = async (owner: PartOwner, silentMs: number): Promise<boolean> => {
  if (owner.instance === INSTANCE) return true;
  if (await isElsewhere(owner)) return silentMs < LONG_SILENCE_MS;
  return owner.boot === (await bootId()) && owner.pid !== pid && isRunning(owner.pid);
};

const isRunning = async (id: number): Promise<boolean> => {
  try {
    kill(id, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
  return !(await isZombie(id));
};

/** A process that was killed keeps its number until its parent asks for it, which in a container may be never. */
const isZombie = async (id: number): Promise<boolean> => {
  const status = await readFile(`/proc/${id}/stat`, 'latin1').catch(() => '');
  // The state stands behind the name, which stands in brackets and may have any in it.
  return /^ [ZX]/.test(status.slice(status.lastIndexOf(')') + 1));
};
