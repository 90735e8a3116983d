import { faultCut } from './03-cut.ts';
import { faultHalfOpen } from './04-half-open.ts';
import { faultLostPackets } from './04-lost-packets.ts';
import { faultControlCut } from './05-control-cut.ts';
import { faultSlow } from './06-slow.ts';
import { faultSourceChanges } from './08-source-changes.ts';
import { faultSameName } from './09-same-name.ts';
import { faultTokens } from './10-tokens.ts';
import { faultIdleSessions } from './11-idle-sessions.ts';
import { faultVisits } from './12-visits.ts';
import { faultPipelined } from './13-pipelined.ts';
import { faultNames } from './14-names.ts';
import { faultLargeFolder } from './15-large-folder.ts';
import { faultSizes } from './16-sizes.ts';
import { faultClock } from './17-clock.ts';
import { faultCancel } from './18-cancel.ts';
import { faultBadNetwork } from './20-bad-network.ts';
import type { FaultSize } from './size.ts';

/** Every fault, in the order of its number; each file here says what one of them is and what must hold. */
export const FAULTS: readonly ((size: FaultSize) => void)[] = [
  faultCut,
  faultHalfOpen,
  faultLostPackets,
  faultControlCut,
  faultSlow,
  faultSourceChanges,
  faultSameName,
  faultTokens,
  faultIdleSessions,
  faultVisits,
  faultPipelined,
  faultNames,
  faultLargeFolder,
  faultSizes,
  faultClock,
  faultCancel,
  faultBadNetwork,
];
