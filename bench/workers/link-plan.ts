import type { Distance } from '../measure/mode.ts';
import type { Calls } from './answer-calls.ts';

/** A network that is imitated between loopback's first address and its second. */
export interface LinkPlan extends Distance {
  /** Port of the server, and of the link's end before it. */
  readonly port: number;
}

export interface LinkCalls extends Calls {
  readonly start: (plan: LinkPlan) => Promise<void>;
}

/** The near end of a link: what connects there is led to the same port of the first address. */
export const LINK_HOST = '127.0.0.2';
