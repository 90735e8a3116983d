import type { Peer } from '../measure/peer.ts';
import { basicFtpWith } from './basic-ftp/basic-ftp.ts';
import { bareNode, lsUnsorted } from './commands/commands.ts';
import { curlWith } from './curl/curl.ts';
import { pyftpdlib } from './ftp/pyftpdlib.ts';
import { vsftpd } from './ftp/vsftpd.ts';
import { iperf3 } from './iperf3/iperf3.ts';
import { leastNode } from './least-node/least-node.ts';
import { lftpWith } from './lftp/lftp.ts';
import { rawPipeline } from './raw-pipeline/raw-pipeline.ts';
import { rsync } from './rsync/rsync.ts';
import { sluice } from './sluice/sluice.ts';

/** Everything that can be measured, as far as it is installed, in the order of the table. */
export const PEERS: readonly Peer[] = [
  sluice,
  rawPipeline,
  leastNode,
  curlWith(vsftpd),
  curlWith(pyftpdlib),
  lftpWith(vsftpd),
  rsync,
  basicFtpWith(vsftpd),
  iperf3,
  lsUnsorted,
  bareNode,
];

/** Ours: every ratio says how it does beside another. */
export const SUBJECT = sluice.name;

/** Bounds, and no programs to move files with: they stand in the table, and nobody competes with them. */
export const CEILINGS: readonly string[] = [leastNode.name, iperf3.name, lsUnsorted.name, bareNode.name];
