import { Observable, type OperatorFunction, Subscription, timer } from 'rxjs';
import type { ServerEvent } from '../lib/index.ts';

/** An event to be logged, standing for so many `more` of its kind. */
export interface LoggedEvent {
  readonly event: ServerEvent;
  readonly more: number;
}

/** Events of one kind that have a line each in one second. */
const LINES = 10;
/** Kinds that are told apart within one second; what is beyond them counts as one for each type. */
const KINDS = 100;
const SECOND_MS = 1000;

interface Tally {
  seen: number;
  last: ServerEvent;
}

/**
 * Lets ten events of a kind through a second and sums up the rest in one at its end: what somebody can bring about as
 * often as he likes shall not fill a disk. Events of one kind are of one type, outcome and address. Completes and errors
 * with its source, after what is left; one timer, only while something happens. Holds a hundred kinds.
 */
export const sumUp = (): OperatorFunction<ServerEvent, LoggedEvent> => (event$) =>
  new Observable((subscriber) => {
    const tallies = new Map<string, Tally>();
    let second = Subscription.EMPTY;
    const settle = () => {
      second.unsubscribe();
      second = Subscription.EMPTY;
      const kinds = [...tallies.values()];
      tallies.clear();
      for (const { seen, last } of kinds) if (seen > LINES) subscriber.next({ event: last, more: seen - LINES - 1 });
    };
    const take = (event: ServerEvent) => {
      if (tallies.size === 0)
        subscriber.add(
          (second = timer(SECOND_MS).subscribe({ next: settle, error: (error: unknown) => subscriber.error(error) })),
        );
      const own = kindOf(event);
      const kind = tallies.has(own) || tallies.size < KINDS ? own : event.type;
      const tally = tallies.get(kind) ?? { seen: 0, last: event };
      tallies.set(kind, tally);
      tally.seen += 1;
      tally.last = event;
      if (tally.seen <= LINES) subscriber.next({ event, more: 0 });
    };
    subscriber.add(() => second.unsubscribe());
    return event$.subscribe({
      next: take,
      error: (error: unknown) => {
        settle();
        subscriber.error(error);
      },
      complete: () => {
        settle();
        subscriber.complete();
      },
    });
  });

const kindOf = (event: ServerEvent): string =>
  [
    event.type,
    'address' in event && event.address,
    'error' in event && event.error.code,
    'direction' in event && event.direction,
    'port' in event && event.port,
  ].join(' ');
