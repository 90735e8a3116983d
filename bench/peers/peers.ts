import type { Peer } from '../measure/peer.ts';
import { rawPipeline } from './raw-pipeline/raw-pipeline.ts';
import { sluice } from './sluice/sluice.ts';

/** What every ratio is taken to; it runs everywhere. */
export const BASELINE: Peer = rawPipeline;

/** Everything that is compared with the baseline, as far as it is installed. */
export const PEERS: readonly Peer[] = [sluice];

/** Programs worth comparing for which there is no peer yet. */
export const LEFT_OUT: readonly string[] = [
  'curl with vsftpd',
  'curl with pyftpdlib',
  'lftp mirror',
  'rsync daemon',
  'iperf3',
];
