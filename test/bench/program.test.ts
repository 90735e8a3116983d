import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandClient } from '../../bench/programs/command-client.ts';
import { endedChildrenSeconds, processTree, treeUsage } from '../../bench/programs/process-tree.ts';
import { Program } from '../../bench/programs/program.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

// A shell with a child, which it says when it has it.
const PARENT = ['-c', 'sleep 100 & echo started; wait'];
const BUSY = ['-e', 'const end = performance.now() + 300; while (performance.now() < end);'];

const startParent = async (signal?: AbortSignal): Promise<{ program: Program; pids: number[] }> => {
  const program = await Program.start('sh', PARENT, signal ? { signal } : {});
  assert.ok(program.process.stdout && program.process.pid);
  await once(program.process.stdout, 'data');
  return { program, pids: processTree(program.process.pid) };
};

/** Whether a process runs: one that has ended and that nobody has asked after does not. */
const runs = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** A killed process takes a moment to be gone; if it stays, the test's own deadline says so. */
const untilGone = async (pids: readonly number[]): Promise<void> => {
  while (pids.some(runs)) await sleep(5);
};

describe('a foreign program', () => {
  it('is seen with the processes that it started', async () => {
    const { program, pids } = await startParent();
    assert.equal(pids.length, 2);
    const [parent = 0, child = 0] = pids;
    assert.ok(treeUsage(parent).peakBytes > treeUsage(child).peakBytes);
    await program.close();
  });

  it('is closed with the processes that it started', async () => {
    const { program, pids } = await startParent();
    await program.close();
    await program.close();
    await untilGone(pids);
  });

  it('is killed with all of them by an abort', async () => {
    const abort = new AbortController();
    const { program, pids } = await startParent(abort.signal);
    abort.abort();
    await program.ended;
    await untilGone(pids);
    await program.close();
  });

  it('is an error where there is none of that name', async () => {
    await assert.rejects(Program.start('no-such-program-here', [], {}), /ENOENT/);
  });
});

describe('a client of commands', () => {
  it('counts the processor time of every command, and gives what it printed', async () => {
    const before = endedChildrenSeconds();
    const client = commandClient(new AbortController().signal, async (run, times) => {
      const seconds: number[] = [];
      while (seconds.length < times) seconds.push((await run(process.execPath, BUSY)).seconds);
      assert.equal((await run('cat', [], { input: 'hello' })).stdout, 'hello');
      return { seconds };
    });
    const { seconds } = await client.act(2);
    assert.equal(seconds.length, 2);
    const { cpuSeconds, peakBytes } = await client.usage();
    assert.ok(cpuSeconds - before > 0);
    assert.ok(peakBytes > 0);
    await client.close();
  });

  it('fails with the words of a command that fails', async () => {
    const client = commandClient(new AbortController().signal, async (run) => {
      await run('sh', ['-c', 'echo no luck >&2; exit 3']);
      return { seconds: [] };
    });
    await assert.rejects(client.act(1), /no luck/);
  });
});
