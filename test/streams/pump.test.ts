import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  NEVER,
  type Observable,
  Subject,
  finalize,
  ignoreElements,
  lastValueFrom,
  map,
  mergeWith,
  of,
  tap,
  throwError,
} from 'rxjs';
import { parseFrames } from '../../lib/operators/parse-frames.ts';
import { encodeFrame } from '../../lib/protocol/frame-header.ts';
import type { HoldingOperator, LendingSource, Progress, Source } from '../../lib/streams/flow.ts';
import { fromChunks } from '../../lib/streams/from-chunks.ts';
import { fromReadable } from '../../lib/streams/from-readable.ts';
import { pump, pumpWithin } from '../../lib/streams/pump.ts';
import { readFile } from '../../lib/streams/read-file.ts';
import { toNothing } from '../../lib/streams/to-nothing.ts';
import { toWritable } from '../../lib/streams/to-writable.ts';
import type { Valve } from '../../lib/streams/valve.ts';
import { writeFile } from '../../lib/streams/write-file.ts';
import { pattern, settled, turns, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { inPiecesOf } from '../helpers/cuts.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { SlowSink } from '../helpers/slow-sink.ts';
import { socketPair } from '../helpers/sockets.ts';

checkLeaks();

const HIGH = 64 * 1024;
const CHUNK = 4096;
const within = pumpWithin({ high: HIGH });

/** A source that emits what the test says and tells whether anybody listens. */
const scripted = (): { source: Source; chunks: Subject<Buffer> } => {
  const chunks = new Subject<Buffer>();
  return { source: () => chunks, chunks };
};

/** A source of one chunk that says whether the pipeline gives it back, and so was lent it. */
const lending = (): { source: LendingSource; backs: () => number } => {
  let backs = 0;
  const chunk = Buffer.from('abc');
  const lend = (valve: Valve) => {
    valve.ownedBy(() => (backs += 1));
    return of(chunk);
  };
  return { source: Object.assign(() => of(chunk), { lend }), backs: () => backs };
};

/** A source without end, and how much it has given so far. */
const endless = (): { source: Source; produced: () => number; closed: () => boolean } => {
  let produced = 0;
  let closed = false;
  const chunk = Buffer.alloc(CHUNK);
  const generate = function* () {
    try {
      for (;;) {
        produced += chunk.length;
        yield chunk;
      }
    } finally {
      closed = true;
    }
  };
  return { source: fromChunks(generate()), produced: () => produced, closed: () => closed };
};

/** How a run ended. */
const outcome = (run$: Observable<Progress>): Promise<unknown> =>
  lastValueFrom(run$.pipe(ignoreElements()), { defaultValue: 'completed' }).catch((error: unknown) => error);

describe('pump', () => {
  it('lends memory to a sink that gives it back, where no operator is between them or it is told to', async () => {
    const backsOf = async (move: (source: Source) => Observable<unknown>) => {
      const { source, backs } = lending();
      await lastValueFrom(move(source));
      return backs();
    };
    assert.equal(await backsOf((source) => pump(source, toNothing())), 1);
    assert.equal(await backsOf((source) => pump(source, tap(), toNothing())), 0);
    assert.equal(await backsOf((source) => pumpWithin({ lend: true })(source, tap(), toNothing())), 1);
    assert.equal(await backsOf((source) => pumpWithin({ lend: false })(source, toNothing())), 0);
    assert.equal(await backsOf((source) => pump(source, toWritable(new PassThrough().resume()))), 0);
  });

  it('moves every byte, in order, and tells how far it is', async () => {
    const bytes = pattern(300_000);
    const slow = new SlowSink({ bytesPerTurn: 10_000 });
    const progress = await valuesOf(within(fromChunks(inPiecesOf(7000, bytes)), slow.sink));
    assert.deepEqual(slow.received, bytes);
    assert.equal(slow.state, 'completed');
    assert.equal(progress.at(-1)?.bytes, bytes.length);
  });

  it('moves any bytes through any bound and any speed', async () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 200, max: 5000 }),
        async (high, size, bytesPerTurn) => {
          const bytes = pattern(10_000);
          const slow = new SlowSink({ bytesPerTurn });
          await valuesOf(pumpWithin({ high })(fromChunks(inPiecesOf(size, bytes)), slow.sink));
          assert.deepEqual(slow.received, bytes);
          assert.ok(slow.peak < high + size);
        },
      ),
      { numRuns: 30 },
    ));

  it('passes the bytes through its operators from left to right', async () => {
    const slow = new SlowSink();
    const add = (text: string) => map((chunk: Buffer) => Buffer.concat([chunk, Buffer.from(text)]));
    await valuesOf(pump(fromChunks([Buffer.from('a')]), add('b'), add('c'), slow.sink));
    assert.equal(slow.received.toString(), 'abc');
  });

  it('completes with an empty source', async () => {
    const slow = new SlowSink();
    assert.equal(await outcome(pump(fromChunks([]), slow.sink)), 'completed');
    assert.equal(slow.state, 'completed');
  });

  it('does nothing before it is subscribed, and runs anew for each subscriber', async () => {
    let runs = 0;
    const source: Source = (open$) => {
      runs += 1;
      return fromChunks([Buffer.from('abc')])(open$);
    };
    const run$ = pump(source, toNothing());
    assert.equal(runs, 0);
    assert.deepEqual(await valuesOf(run$), [{ bytes: 3 }]);
    assert.deepEqual(await valuesOf(run$), [{ bytes: 3 }]);
    assert.equal(runs, 2);
  });

  it('gives each run a valve of its own', async () => {
    const stuck = new SlowSink({ bytesPerTurn: 0 });
    const run$ = within((open$) => endless().source(open$), stuck.sink);
    const first = run$.subscribe({ error: unexpected });
    const one = await settled(() => stuck.received.length);
    const second = run$.subscribe({ error: unexpected });
    assert.equal((await settled(() => stuck.received.length)) - one, one);
    first.unsubscribe();
    second.unsubscribe();
  });

  describe('bounds', () => {
    it('takes no more from the source than its bound while the sink is stuck', async () => {
      const { source, produced } = endless();
      const stuck = new SlowSink({ bytesPerTurn: 0 });
      const running = within(source, stuck.sink).subscribe({ error: unexpected });
      assert.equal(await settled(produced), HIGH);
      running.unsubscribe();
    });

    it('holds 2 MiB unless told otherwise', async () => {
      const { source, produced } = endless();
      const running = pump(source, new SlowSink({ bytesPerTurn: 0 }).sink).subscribe({ error: unexpected });
      assert.equal(await settled(produced), 2 * 1024 * 1024);
      running.unsubscribe();
    });

    it('holds no more than its bound and one chunk while the sink is slow', async () => {
      const { source, produced } = endless();
      const slow = new SlowSink({ bytesPerTurn: 1000 });
      const running = within(source, slow.sink).subscribe({ error: unexpected });
      await until(() => produced() > 10 * HIGH);
      running.unsubscribe();
      assert.ok(slow.peak < HIGH + CHUNK, `${slow.peak} bytes were held`);
    });

    it('stops reading a socket while the sink is stuck', async (test) => {
      const { near, far } = await socketPair(test);
      const chunk = Buffer.alloc(64 * 1024);
      const feed = () => {
        while (near.write(chunk));
      };
      near.on('drain', feed);
      feed();
      const stuck = new SlowSink({ bytesPerTurn: 0 });
      const running = within(fromReadable(far), stuck.sink).subscribe({ error: unexpected });
      const read = await settled(() => far.bytesRead);
      assert.ok(read >= HIGH && read <= HIGH + 2 * 64 * 1024 + far.readableHighWaterMark, `${read} bytes were read`);
      assert.ok(far.isPaused());
      running.unsubscribe();
    });

    it('reads a file no further ahead than the reads in flight', async (test) => {
      const path = join(await temporaryFolder(test), 'file');
      const size = 6 * 1024 * 1024;
      const handle = await open(path, 'w+');
      await handle.truncate(size);
      const slow = new SlowSink({ bytesPerTurn: 100_000 });
      await valuesOf(within(readFile(handle, { end: size }, 'file'), slow.sink));
      await handle.close();
      assert.equal(slow.received.length, size);
      assert.ok(slow.peak <= HIGH + 3 * 512 * 1024, `${slow.peak} bytes were held`);
    });

    it('does not lock up when an operator needs more bytes for one value than the bound', async () => {
      const message = pattern(10 * HIGH);
      const slow = new SlowSink();
      const chunks = inPiecesOf(CHUNK, encodeFrame(message));
      await valuesOf(within(fromChunks(chunks), parseFrames({ maxPayload: message.length }), slow.sink));
      assert.deepEqual(slow.received, message);
    });

    it('lets an operator that keeps bytes count them in the same valve', async () => {
      const { source, produced } = endless();
      const keeper: HoldingOperator = {
        through: (valve) => (bytes$) =>
          bytes$.pipe(
            tap((chunk) => valve.hold(chunk.length)),
            ignoreElements(),
          ),
      };
      const running = within(source, keeper, new SlowSink().sink).subscribe({ error: unexpected });
      assert.equal(await settled(produced), HIGH);
      running.unsubscribe();
    });
  });

  describe('ends', () => {
    it('passes the error of the source on and leaves the sink', async () => {
      const failure = new Error('source broken');
      const slow = new SlowSink({ bytesPerTurn: 0 });
      assert.equal(await outcome(pump(() => throwError(() => failure), slow.sink)), failure);
      assert.equal(slow.state, 'failed');
    });

    it('passes an error in the middle of the source on', async () => {
      const failure = new Error('source broken');
      const generate = function* () {
        yield Buffer.from('abc');
        throw failure;
      };
      const slow = new SlowSink();
      assert.equal(await outcome(pump(fromChunks(generate()), slow.sink)), failure);
      assert.equal(slow.received.toString(), 'abc');
    });

    it('passes the error of an operator on and leaves the source', async () => {
      const { source, closed } = endless();
      const failure = new Error('operator broken');
      const slow = new SlowSink();
      const breaks = map((): Buffer => {
        throw failure;
      });
      assert.equal(await outcome(pump(source, breaks, slow.sink)), failure);
      assert.equal(closed(), true);
      assert.equal(slow.state, 'failed');
    });

    it('passes the error of an operator that fails by itself on and leaves both ends', async () => {
      const { source, chunks } = scripted();
      const alarm = new Subject<never>();
      const slow = new SlowSink();
      const ended = outcome(pump(source, mergeWith(alarm), slow.sink));
      assert.equal(chunks.observed, true);
      const failure = new Error('alarm');
      alarm.error(failure);
      assert.equal(await ended, failure);
      assert.equal(chunks.observed, false);
      assert.equal(slow.state, 'failed');
    });

    it('passes the error of the sink on and leaves the source', async () => {
      const { source, closed } = endless();
      const slow = new SlowSink({ failAfter: 5 * CHUNK });
      assert.equal(await outcome(pump(source, slow.sink)), slow.failure);
      assert.equal(closed(), true);
    });

    it('leaves a source that is paused when the sink fails', async () => {
      const { source, closed, produced } = endless();
      const slow = new SlowSink({ bytesPerTurn: 1, failAfter: 60 });
      assert.equal(await outcome(pumpWithin({ high: 1 })(source, slow.sink)), slow.failure);
      assert.equal(produced(), CHUNK);
      assert.equal(closed(), true);
    });

    it('leaves both ends, and the operators, when it is unsubscribed', async () => {
      const { source, closed, produced } = endless();
      const slow = new SlowSink();
      let operatorLeft = false;
      const running = pump(
        source,
        finalize(() => (operatorLeft = true)),
        slow.sink,
      ).subscribe({ error: unexpected });
      await turns(5);
      running.unsubscribe();
      const before = produced();
      await turns(5);
      assert.deepEqual([closed(), operatorLeft, slow.state, produced()], [true, true, 'cancelled', before]);
    });

    it('leaves the source when its taker has enough', async () => {
      const { source, closed } = endless();
      const run$ = pump(source, toNothing());
      await new Promise<void>((resolve) => {
        const running = run$.subscribe({
          next: () => {
            running.unsubscribe();
            resolve();
          },
          error: unexpected,
        });
      });
      assert.equal(closed(), true);
    });

    it('passes the error of a source or a sink that cannot even begin on', async () => {
      const failure = new Error('cannot begin');
      const broken = () => {
        throw failure;
      };
      assert.equal(await outcome(pump(broken, toNothing())), failure);
      assert.equal(await outcome(pump(() => NEVER, broken)), failure);
    });
  });

  describe('real streams', () => {
    it('carries a file over a socket into a file', async (test) => {
      const folder = await temporaryFolder(test);
      const { near, far } = await socketPair(test);
      const bytes = pattern(3_000_000);
      const from = await open(join(folder, 'from'), 'w+');
      const to = await open(join(folder, 'to'), 'w+');
      await from.write(bytes, 0, bytes.length, 0);
      await Promise.all([
        valuesOf(within(readFile(from, { end: bytes.length }, 'from'), toWritable(near))),
        valuesOf(within(fromReadable(far), writeFile(to, 'to'))),
      ]);
      const written = Buffer.alloc(bytes.length);
      await to.read(written, 0, bytes.length, 0);
      assert.ok(written.equals(bytes));
      assert.equal((await to.stat()).size, bytes.length);
      await from.close();
      await to.close();
      assert.ok(near.destroyed && far.destroyed);
    });

    it('destroys both streams when it is unsubscribed', async () => {
      const from = new PassThrough();
      const to = new PassThrough();
      pump(fromReadable(from), toWritable(to)).subscribe({ error: unexpected }).unsubscribe();
      await turns(2);
      assert.ok(from.destroyed && to.destroyed);
    });

    it('destroys the writing stream when the reading one fails', async () => {
      const from = new PassThrough();
      const to = new PassThrough();
      const ended = outcome(pump(fromReadable(from), toWritable(to)));
      const failure = new Error('cable cut');
      from.destroy(failure);
      assert.equal(await ended, failure);
      assert.ok(to.destroyed);
    });

    it('destroys the reading stream when the writing one fails', async () => {
      const from = new PassThrough();
      const to = new PassThrough();
      const ended = outcome(pump(fromReadable(from), toWritable(to)));
      const failure = new Error('disk full');
      to.destroy(failure);
      assert.equal(await ended, failure);
      assert.ok(from.destroyed);
    });

    it('destroys both streams when an operator fails', async () => {
      const from = new PassThrough();
      const to = new PassThrough();
      const ended = outcome(pump(fromReadable(from), parseFrames({ maxPayload: 5 }), toWritable(to)));
      from.write('this is not a frame');
      assert.equal(((await ended) as { code?: string }).code, 'FRAME_HEADER_INVALID');
      assert.ok(from.destroyed && to.destroyed);
    });
  });
});
