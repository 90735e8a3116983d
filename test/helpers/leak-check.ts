import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { config } from 'rxjs';

const WAIT_MS = 5000;
const STEP_MS = 20;

// What is left over from a pipeline must be seen: an error that arrives after the end of its stream, or that has no
// handler, fails the file it happens in.
config.onUnhandledError = (error: unknown) => {
  throw error;
};

/** Things that keep a process alive and are not part of the test runner. */
const openResources = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => /^(TCP|Timeout|Immediate|FSReq|Pipe(Server)?Wrap$)/.test(name));

/** Files and sockets that are open, by what they are. */
export const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /^(\/(tmp|dev\/shm)\/|socket:)/.test(target) ? [target] : [];
    } catch {
      return [];
    }
  });

/**
 * To be called once at the top of a test file: after its last test nothing may be open that was not open before it: no
 * socket, listener, timer or file. What is just closing gets a moment.
 */
export const checkLeaks = (): void => {
  const before = { resources: openResources().length, files: openFiles().length };
  after(async () => {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const resources = openResources();
      const files = openFiles();
      // The sleep below is a timer too, but it is over whenever this is looked at.
      if (resources.length <= before.resources && files.length <= before.files) return;
      if (performance.now() > deadline) {
        assert.deepEqual({ resources, files }, before, 'something was left open');
        return;
      }
      await sleep(STEP_MS);
    }
  });
};
