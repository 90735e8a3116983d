import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NEVER, Observable, Subject, concat, from, merge, of, throwError } from 'rxjs';
import type { Progress, Sink, Source } from '../../lib/streams/flow.ts';
import { type Segment, pumpSegments } from '../../lib/transfer/segments.ts';
import { unexpected, valuesOf } from '../helpers/collect.ts';
import { GatedSink } from '../helpers/gated-sink.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const failure = new Error('broken');

const segmentOf = (offset: number, source: Source, length = 10): Segment => ({ offset, end: offset + length, source });

/** A sink that counts from the content's start and takes everything at once. */
const counting =
  ({ offset }: Segment): Sink =>
  () =>
  (bytes$) =>
    new Observable<Progress>((subscriber) => {
      let bytes = offset;
      return bytes$.subscribe({
        next: (chunk) => subscriber.next({ bytes: (bytes += chunk.length) }),
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      });
    });

const piece = (length = 5) => Buffer.alloc(length);

describe('pumpSegments', () => {
  it('tells how much of the whole is there, with what is in no segment', async () => {
    const segments = [0, 20].map((offset) => segmentOf(offset, () => from([piece(), piece()])));
    const progress = await valuesOf(pumpSegments(segments, 30, counting));
    assert.deepEqual(
      progress.map(({ bytes }) => bytes),
      [15, 20, 25, 30],
    );
  });

  it('moves one segment while another one rests', async () => {
    const sinks = [new GatedSink(), new GatedSink()] as const;
    sinks[0].stop();
    const bytes = [new Subject<Buffer>(), new Subject<Buffer>()] as const;
    const segments = bytes.map((bytes$, index) => segmentOf(index * 10, () => bytes$));
    const done = valuesOf(pumpSegments(segments, 20, (_, index) => (sinks[index] ?? assert.fail()).sink));
    for (const bytes$ of bytes) bytes$.next(piece(10));
    bytes[1].complete();
    assert.deepEqual([sinks[0].received, sinks[1].received], [10, 10]);
    bytes[0].complete();
    sinks[0].go();
    await done;
  });

  it('closes the source of the one whose sink holds a block, and of no other', () => {
    const gates: boolean[] = [];
    const gated =
      (index: number, bytes$: Observable<Buffer>): Source =>
      (open$) =>
        new Observable((subscriber) => {
          subscriber.add(open$.subscribe({ next: (open) => (gates[index] = open), error: unexpected }));
          subscriber.add(bytes$.subscribe(subscriber));
        });
    const sinks = [new GatedSink(), new GatedSink()];
    for (const sink of sinks) sink.stop();
    const block$ = concat(of(piece(1024 * 1024)), NEVER);
    const segments = [block$, concat(of(piece()), NEVER)].map((bytes$, index) => segmentOf(0, gated(index, bytes$)));
    const running = pumpSegments(segments, 20, (_, index) => (sinks[index] ?? assert.fail()).sink).subscribe({
      error: unexpected,
    });
    assert.deepEqual(gates, [false, true]);
    running.unsubscribe();
  });

  it('fails with the first failure, when the others have ended what they hold', async () => {
    const other$ = new Subject<Buffer>();
    const ended: string[] = [];
    const slow: Sink = () => (bytes$) =>
      new Observable<Progress>((subscriber) =>
        bytes$.subscribe({
          next: unexpected,
          // What this one holds is safe only a moment later.
          error: (error: unknown) => setImmediate(() => (ended.push('held'), subscriber.error(error))),
        }),
      );
    const broken$ = throwError(() => failure);
    const segments = [segmentOf(0, () => other$), segmentOf(10, () => broken$)];
    const running = valuesOf(pumpSegments(segments, 20, (segment, index) => (index === 0 ? slow : counting(segment))));
    await assert.rejects(running, failure);
    assert.deepEqual([ended, other$.observed], [['held'], false]);
  });

  it('ends the wait of one that does not take bytes yet when another one fails', async () => {
    const late = new Subject<Buffer>();
    const segments = [segmentOf(0, () => late), segmentOf(10, () => late)];
    const waiting =
      (failure$: Observable<never>): Sink =>
      () =>
      () =>
        merge(NEVER, failure$);
    const running = valuesOf(
      pumpSegments(segments, 20, (segment, index, failure$) => (index === 0 ? waiting(failure$) : counting(segment))),
    );
    late.error(failure);
    await assert.rejects(running, failure);
  });

  it('does not begin a segment behind one that has failed at once', async () => {
    let begun = 0;
    const segments = [
      segmentOf(0, () => throwError(() => failure)),
      segmentOf(10, () => new Observable(() => void (begun += 1))),
    ];
    await assert.rejects(valuesOf(pumpSegments(segments, 20, counting)), failure);
    assert.equal(begun, 0);
  });

  it('lets go of every segment when it is unsubscribed', () => {
    const sources = [new Subject<Buffer>(), new Subject<Buffer>()];
    const segments = sources.map((bytes$) => segmentOf(0, () => bytes$));
    const running = pumpSegments(segments, 20, counting).subscribe({ error: unexpected });
    assert.ok(sources.every(({ observed }) => observed));
    running.unsubscribe();
    assert.ok(!sources.some(({ observed }) => observed));
  });
});
