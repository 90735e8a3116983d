import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';

// A machine of its own for a server, as far as the network goes: a namespace of the kernel with one cable to this side.
// Packets that are lost on it are really lost, which no proxy can do: TCP sends them again, and nobody is told.

const NAMESPACE = `sluice-${process.pid}`;
// Names of network devices have at most 15 letters.
const NEAR = `slu${process.pid % 1e6}n`;
const FAR = `slu${process.pid % 1e6}f`;
const NEAR_ADDRESS = '10.213.119.1';
const FAR_ADDRESS = '10.213.119.2';

export interface FarMachine {
  /** Its address, as seen from here. */
  readonly address: string;
  /** What to put before a command so that it runs there. */
  readonly run: readonly string[];
  /** From now on every packet of that TCP port of the far machine is lost, both ways. */
  lose(port: number): void;
  /** From now on every packet is lost. */
  loseAll(): void;
  /** Delay and loss of the cable, where the kernel has netem: `delay 100ms loss 1%`. False where it has not. */
  impair(netem: string): boolean;
}

const near = (command: string): void => execute(command, []);
const far = (command: string): void => execute(command, ['ip', 'netns', 'exec', NAMESPACE]);

const execute = (command: string, before: readonly string[]): void => {
  const [file = '', ...args] = [...before, ...command.split(' ')];
  execFileSync(file, args, { stdio: 'pipe' });
};

/** A far machine, gone when the test ends; skips the test, and says why, where this process may not make one. */
export const openFarMachine = (test: TestContext): FarMachine | undefined => {
  try {
    near(`ip netns add ${NAMESPACE}`);
  } catch (error) {
    test.skip(`network namespaces need iproute2 and root: ${firstLine(error)}`);
    return undefined;
  }
  // The cable first: a namespace lasts, with all that is in it, as long as a process that is ending there.
  test.after(() => near(`ip link del ${NEAR}`));
  test.after(() => near(`ip netns del ${NAMESPACE}`));
  near(`ip link add ${NEAR} type veth peer name ${FAR} netns ${NAMESPACE}`);
  near(`ip addr add ${NEAR_ADDRESS}/30 dev ${NEAR}`);
  far(`ip addr add ${FAR_ADDRESS}/30 dev ${FAR}`);
  near(`ip link set ${NEAR} up`);
  far(`ip link set ${FAR} up`);
  far('ip link set lo up');
  return {
    address: FAR_ADDRESS,
    run: ['ip', 'netns', 'exec', NAMESPACE],
    lose: (port) => {
      losePackets(near, NEAR, `dport ${port} 0xffff`);
      losePackets(far, FAR, `sport ${port} 0xffff`);
    },
    loseAll: () => {
      losePackets(near, NEAR, 'dst 0.0.0.0/0');
      losePackets(far, FAR, 'dst 0.0.0.0/0');
    },
    impair: (netem) => {
      try {
        near(`tc qdisc add dev ${NEAR} root netem ${netem}`);
        far(`tc qdisc add dev ${FAR} root netem ${netem}`);
        return true;
      } catch {
        return false;
      }
    },
  };
};

/** Sends what matches into a queue that has no room for a packet. */
const losePackets = (there: (command: string) => void, device: string, match: string): void => {
  there(`tc qdisc add dev ${device} root handle 1: htb default 1 r2q 100000`);
  there(`tc class add dev ${device} parent 1: classid 1:1 htb rate 10gbit`);
  there(`tc class add dev ${device} parent 1: classid 1:2 htb rate 10gbit`);
  there(`tc qdisc add dev ${device} parent 1:2 bfifo limit 1`);
  there(`tc filter add dev ${device} protocol ip parent 1: u32 match ip ${match} flowid 1:2`);
};

const firstLine = (error: unknown): string => String(error).split('\n')[0] ?? '';
