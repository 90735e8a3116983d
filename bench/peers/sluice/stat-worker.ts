import { type Client, connectClient } from '../../../lib/index.ts';
import type { ServerAddress } from '../../measure/peer.ts';
import type { Task } from '../../measure/task.ts';
import { quantile } from '../../report/quantile.ts';
import { answerCalls } from '../../workers/answer-calls.ts';
import type { Calls } from '../../workers/answer-calls.ts';
import { timeOne } from '../../workers/time-each.ts';

/** What the program offers that asks small questions while others move files, in a session and process of its own. */
export interface StatCalls extends Calls {
  readonly connect: (server: { readonly task: Task; readonly address: ServerAddress }) => Promise<void>;
  /** Asks, one question after the other, until `end`. */
  readonly begin: (task: Task) => void;
  readonly end: (percentile: number) => Promise<number>;
}

let client: Client;
let asking = false;
let seconds: number[] = [];
let round: Promise<void> = Promise.resolve();

const connect: StatCalls['connect'] = async ({ address: { port } }) => {
  client = await connectClient({ host: '127.0.0.1', port });
};

const begin: StatCalls['begin'] = ({ source }) => {
  asking = true;
  seconds = [];
  round = ask(source);
};

const ask = async (source: string): Promise<void> => {
  while (asking) seconds.push(await timeOne(() => client.stat([source])));
};

/** The seconds within which that part of the questions (0.99) was answered. */
const end: StatCalls['end'] = async (part) => {
  asking = false;
  await round;
  return quantile(seconds, part);
};

answerCalls({ connect, begin, end } satisfies StatCalls);
