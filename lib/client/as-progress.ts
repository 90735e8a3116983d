import { type OperatorFunction, defer, map } from 'rxjs';
import type { Reply } from '../dialects/session.ts';
import type { Proof } from '../transfer/proof.ts';
import { type ContentFacts, ProgressMeter, type TransferProgress } from '../transfer/transfer-progress.ts';

/** A transfer's replies as progress; the facts are asked for each time, because a transfer learns them on the way. */
export const asProgress =
  (facts: () => ContentFacts): OperatorFunction<Reply, TransferProgress> =>
  (reply$) =>
    defer(() => {
      const meter = new ProgressMeter();
      return reply$.pipe(
        map((reply) => {
          const state = reply.type === 'completed' || reply.type === 'skipped' ? reply.type : 'moving';
          const progress = meter.at(state, 'bytes' in reply ? reply.bytes : 0, facts());
          return reply.type === 'completed' ? { ...progress, ...proofOf(reply) } : progress;
        }),
      );
    });

const proofOf = ({ unverified, digestSent }: Proof): Proof => ({
  ...(unverified && { unverified }),
  ...(digestSent && { digestSent }),
});
