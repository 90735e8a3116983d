import { type Observable, defer } from 'rxjs';
import type { Progress, Sink, Source, Stage } from './flow.ts';
import { Valve, type ValveLimits } from './valve.ts';

/**
 * Moves bytes from a source through operators into a sink, never faster than the sink takes them.
 *
 * Cold; each subscription is one run. Emits the sink's progress and completes when the sink has accepted everything.
 * Errors with whatever source, operator or sink raised; the others are then torn down. Unsubscribing cancels both
 * ends. Holds at most 2 MiB and what one read of the source yields (`pumpWithin` sets another bound).
 *
 * @example pump(fromFile('./a.iso'), meter(report), toFile('./b.iso')).subscribe()
 */
export const pump = (source: Source, ...rest: readonly [...Stage[], Sink]): Observable<Progress> =>
  run({}, source, rest);

export interface PumpOptions extends ValveLimits {
  /**
   * Whether the source may use the memory of a chunk again once the sink is done with it, which spares the collector
   * 64 MiB of garbage. Only where no operator keeps, repeats or drops a chunk.
   * @default where no operator is between them and the sink says that it gives back all
   */
  readonly lend?: boolean;
}

/** A `pump` with another bound than 2 MiB, or with chunks that are only lent. */
export const pumpWithin =
  (options: PumpOptions) =>
  (source: Source, ...rest: readonly [...Stage[], Sink]): Observable<Progress> =>
    run(options, source, rest);

const run = (options: PumpOptions, source: Source, rest: readonly [...Stage[], Sink]): Observable<Progress> =>
  defer(() => {
    const valve = new Valve(options);
    const stages = rest.slice(0, -1) as readonly Stage[];
    const sink = rest.at(-1) as Sink;
    const { lend = stages.length === 0 && sink.givesBack } = options;
    const content$ = stages.reduce(
      (bytes$, stage) => bytes$.pipe(typeof stage === 'function' ? stage : stage.through(valve)),
      lend && source.lend ? source.lend(valve) : source(valve.open$),
    );
    return content$.pipe(sink(valve));
  });
