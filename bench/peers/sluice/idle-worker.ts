import type { ServerAddress } from '../../measure/peer.ts';
import { type Calls, answerCalls } from '../../workers/answer-calls.ts';
import { openSessions } from './many-sessions.ts';

/** What the program offers that holds sessions in which nothing happens, in a process of its own. */
export interface IdleCalls extends Calls {
  /** Opens so many, which last as long as the process. */
  readonly hold: (crowd: { readonly address: ServerAddress; readonly count: number }) => Promise<void>;
}

const hold: IdleCalls['hold'] = async ({ address, count }) => {
  await openSessions(address, count);
};

answerCalls({ hold } satisfies IdleCalls);
