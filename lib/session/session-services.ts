import type { Store } from '../store/store.ts';
import type { Locks } from './locks.ts';
import type { TransferPlaces } from './transfer-places.ts';

/** What all sessions on a store have in common. */
export interface SessionServices {
  readonly store: Store;
  readonly locks: Locks;
  readonly readOnly: boolean;
  /** Transfers that one session may run at once. */
  readonly maxTransfers: number;
  /** The places for the transfers of all sessions. */
  readonly places: TransferPlaces;
}
