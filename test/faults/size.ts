/** How much of each fault is tried: a little with every test run, all of it by `npm run test:faults`. */
export interface FaultSize {
  /** Sessions that are open and do nothing, as far as the process may open files. */
  readonly idleSessions: number;
  /** Times that a connection is made and closed again. */
  readonly visits: number;
  /** Connections that are silent at the same time. */
  readonly crowd: number;
  /** Commands that a client sends without waiting for an answer. */
  readonly commands: number;
  /** Entries of a large folder. */
  readonly entries: number;
  /** Clients that write the same file at once. */
  readonly writers: number;
  /** Downloads whose receivers take nothing. */
  readonly idleReaders: number;
  /** Lengths of files that go up and down again, in bytes. */
  readonly fileSizes: readonly number[];
  /** Transfers that are given up at a random moment. */
  readonly cancels: number;
  /** Data connections that a bad network cuts; each costs seconds. */
  readonly cuts: number;
  /** Whether connections may be made to fail in network namespaces, which takes root and half a minute. */
  readonly namespaces: boolean;
}

const READ = 512 * 1024;
const GIB = 1024 ** 3;

export const SHORT: FaultSize = {
  idleSessions: 300,
  visits: 300,
  crowd: 50,
  commands: 30_000,
  entries: 3000,
  writers: 8,
  idleReaders: 8,
  fileSizes: [READ - 1, READ, READ + 1],
  cancels: 100,
  cuts: 1,
  namespaces: false,
};

export const LONG: FaultSize = {
  idleSessions: 10_000,
  visits: 10_000,
  crowd: 900,
  commands: 2_000_000,
  entries: 1_000_000,
  writers: 100,
  idleReaders: 160,
  fileSizes: [0, 1, READ - 1, READ, READ + 1, 4 * GIB - 1, 4 * GIB, 4 * GIB + 1],
  cancels: 10_000,
  cuts: 40,
  namespaces: true,
};
