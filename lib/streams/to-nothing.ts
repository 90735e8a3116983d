import { type Observable, scan, tap } from 'rxjs';
import type { Sink } from './flow.ts';
import type { Valve } from './valve.ts';

/** Takes every byte and keeps none: for measuring what the rest of a pipeline can do. Completes with its source. */
export const toNothing = (): Sink =>
  Object.assign(
    (valve: Valve) => (bytes$: Observable<Buffer>) =>
      bytes$.pipe(
        tap((chunk) => {
          valve.take(chunk);
          valve.giveBack(chunk);
        }),
        scan(({ bytes }, chunk) => ({ bytes: bytes + chunk.length }), { bytes: 0 }),
      ),
    { givesBack: true } as const,
  );
