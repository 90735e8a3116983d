import type { MonoTypeOperatorFunction, Observable } from 'rxjs';
import type { LendingSource, Source } from './flow.ts';
import type { Valve } from './valve.ts';

/** A source behind an operator, also where it lends its chunks: the operator must not keep, repeat or drop any. */
export function sourceThrough(source: LendingSource, operator: MonoTypeOperatorFunction<Buffer>): LendingSource;
export function sourceThrough(source: Source, operator: MonoTypeOperatorFunction<Buffer>): Source;
export function sourceThrough(source: Source, operator: MonoTypeOperatorFunction<Buffer>): Source {
  const plain: Source = (open$: Observable<boolean>) => source(open$).pipe(operator);
  const { lend } = source;
  return lend === undefined ? plain : Object.assign(plain, { lend: (valve: Valve) => lend(valve).pipe(operator) });
}
