import { readFileSync, readdirSync } from 'node:fs';
import type { Usage } from '../measure/usage.ts';

// What Linux tells of processes below /proc. Whoever has ended meanwhile counts for nothing.

// The unit of the times in /proc; 100 on every Linux that Node runs on.
const TICKS_A_SECOND = 100;

/** A process and all that descend from it, itself first. */
export const processTree = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(processTree)];

/** What a process, its descendants, and those of them that have ended have used; memory is that of the living. */
export const treeUsage = (pid: number): Usage => {
  const pids = processTree(pid);
  return {
    cpuSeconds: sum(pids.map((one) => sum(timesOf(one)))) / TICKS_A_SECOND,
    peakBytes: sum(pids.map(peakOf)),
  };
};

/** Processor seconds of a process alone, without its children. */
export const ownSeconds = (pid: number): number => sum(timesOf(pid).slice(0, 2)) / TICKS_A_SECOND;

/** Processor seconds of the children of this process that have ended. */
export const endedChildrenSeconds = (): number => sum(timesOf(process.pid).slice(2)) / TICKS_A_SECOND;

const childrenOf = (pid: number): number[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
};

/** Own user and system time, then that of the children waited for. The name before them may have blanks. */
const timesOf = (pid: number): number[] => {
  const stat = read(`/proc/${pid}/stat`);
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
};

const peakOf = (pid: number): number => Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
