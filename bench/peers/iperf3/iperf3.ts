import { isUpload, sendsMemory } from '../../measure/mode.ts';
import { openSides } from '../../measure/open-sides.ts';
import type { Peer } from '../../measure/peer.ts';
import { commandClient } from '../../programs/command-client.ts';
import { missingPrograms, programPath } from '../../programs/find-program.ts';
import { serveProgram } from '../../programs/serve-program.ts';

// It sends blocks of 128 KiB and counts its start: below this, it would say more about those than about the machine.
const MIN_BYTES = 16 * 1024 * 1024;
const MAX_TIMES = 5;

interface Report {
  readonly end: Readonly<Record<'sum_sent' | 'sum_received', { readonly seconds: number }>>;
}

/** iperf3 over one connection: what this machine's loopback carries at most when nobody looks at the bytes. */
export const iperf3: Peer = {
  name: 'iperf3',
  does: ({ mode, size }) => sendsMemory(mode) && size >= MIN_BYTES,
  missing: () => missingPrograms('iperf3'),
  open: (task, signal) =>
    openSides(
      () =>
        serveProgram(task, signal, async ({ port }) => ({
          file: await programPath('iperf3'),
          args: ['--server', '--bind', '127.0.0.1', '--port', String(port)],
        })),
      ({ port }) => {
        const direction = isUpload(task.mode) ? [] : ['--reverse'];
        const target = ['--client', '127.0.0.1', '--port', String(port), '--bytes', String(task.size), '--json'];
        return Promise.resolve(
          commandClient(signal, async (run, times) => {
            const seconds: number[] = [];
            while (seconds.length < Math.min(times, MAX_TIMES))
              seconds.push(secondsIn((await run('iperf3', [...target, ...direction])).stdout));
            return { seconds };
          }),
        );
      },
    ),
};

/** The longer of both sides' counts: the receiver's may begin late. */
const secondsIn = (json: string): number => {
  const { end } = JSON.parse(json) as Report;
  return Math.max(end.sum_sent.seconds, end.sum_received.seconds);
};
