import type { Usage } from '../measure/usage.ts';

/** What this process has used. */
export const currentUsage = (): Usage => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 };
};
