import type { Observable, OperatorFunction } from 'rxjs';
import type { Valve } from './valve.ts';

/** Where bytes come from: cold, reads only while `open$` says so, completes when every byte was emitted. */
export interface Source {
  (open$: Observable<boolean>): Observable<Buffer>;
  /**
   * The same bytes in memory that is used again: a chunk is another one's as soon as the sink has given all of it back.
   * For pipelines in which nothing keeps or repeats a chunk.
   */
  readonly lend?: (valve: Valve) => Observable<Buffer>;
}

/** A source that can lend its chunks. */
export type LendingSource = Source & Required<Pick<Source, 'lend'>>;

/** How far a sink is. */
export interface Progress {
  /** Content bytes safely accepted since the start. */
  readonly bytes: number;
}

/**
 * Where bytes go: holds the bytes it has not finished in the valve, emits how far it is, and completes only when all is
 * safely accepted (flushed to the kernel, written and committed: as the sink's own text says).
 */
export interface Sink {
  (valve: Valve): OperatorFunction<Buffer, Progress>;
  /** Whether it gives every chunk back by the valve and reads none of it afterwards. @default false */
  readonly givesBack?: true;
}

/** An operator that keeps bytes for later, and so has to count them in the pipeline's valve. */
export interface HoldingOperator {
  readonly through: (valve: Valve) => OperatorFunction<Buffer, Buffer>;
}

/** What may stand between a source and a sink: any plain operator on buffers, or one that counts what it keeps. */
export type Stage = OperatorFunction<Buffer, Buffer> | HoldingOperator;
