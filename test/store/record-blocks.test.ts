import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { NEVER, Subject, concat, from, of, throwError } from 'rxjs';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PartJournal } from '../../lib/store/part-journal.ts';
import { thisProcess } from '../../lib/store/part-owner.ts';
import { recordBlocks } from '../../lib/store/record-blocks.ts';
import type { Progress } from '../../lib/streams/flow.ts';
import { pattern, unexpected, valuesOf } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, digestsOf } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const SIZE = 2 * BLOCK_BYTES + 10;
const DIGESTS = digestsOf(pattern(SIZE));
const ALL = { offset: 0, end: SIZE };

const newJournal = async (test: TestContext) => {
  const handle = await open(join(await temporaryFolder(test), 'part'), 'wx+');
  test.after(() => handle.close());
  const about = { size: SIZE, modified: MODIFIED, algorithm: 'sha256' } as const;
  return { handle, journal: await PartJournal.create(handle, about, await thisProcess()) };
};

const at = (bytes: number): Progress => ({ bytes });

describe('recordBlocks', () => {
  it('notes a block only when all of it is written, and the last one when the content is', async (test) => {
    const { journal } = await newJournal(test);
    const offsets: (number | undefined)[] = [];
    const progress = new Subject<Progress>();
    const steps = [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, SIZE - 1, SIZE];
    const done = new Promise<void>((resolve) => {
      progress.pipe(recordBlocks(journal, from(DIGESTS), ALL)).subscribe({
        next: () => {
          void journal.checkpoint().then((checkpoint) => {
            offsets.push(checkpoint?.runs.at(-1)?.end);
            const step = steps[offsets.length];
            if (step === undefined) progress.complete();
            else progress.next(at(step));
          });
        },
        error: unexpected,
        complete: resolve,
      });
    });
    progress.next(at(steps[0] ?? 0));
    await done;
    assert.deepEqual(offsets, [undefined, undefined, BLOCK_BYTES, BLOCK_BYTES, 2 * BLOCK_BYTES, SIZE]);
  });

  it('passes all progress on, in order, and completes when the last block is noted', async (test) => {
    const { journal } = await newJournal(test);
    const progress = [1, 5, BLOCK_BYTES + 3, SIZE].map(at);
    assert.deepEqual(await valuesOf(from(progress).pipe(recordBlocks(journal, from(DIGESTS), ALL))), progress);
    assert.equal((await journal.checkpoint())?.runs.at(-1)?.end, SIZE);
  });

  it('notes no block whose digest is not known', async (test) => {
    const { journal } = await newJournal(test);
    await valuesOf(from([at(SIZE)]).pipe(recordBlocks(journal, from(DIGESTS.slice(0, 1)), ALL)));
    assert.equal((await journal.checkpoint())?.runs.at(-1)?.end, BLOCK_BYTES);
  });

  it('begins to count where the content does', async (test) => {
    const { journal } = await newJournal(test);
    journal.record(0, DIGESTS[0] ?? '');
    await valuesOf(
      from([at(SIZE)]).pipe(recordBlocks(journal, from(DIGESTS.slice(1)), { offset: BLOCK_BYTES, end: SIZE })),
    );
    assert.deepEqual(
      [(await journal.checkpoint())?.runs.at(-1)?.end, (await journal.checkpoint())?.runs.at(-1)?.digest],
      [SIZE, DIGESTS.at(-1)],
    );
  });

  it('has nothing to note behind the end', async (test) => {
    const { journal } = await newJournal(test);
    for (const [index, digest] of DIGESTS.entries()) journal.record(index, digest);
    await valuesOf(from<Progress[]>([]).pipe(recordBlocks(journal, NEVER, { offset: SIZE, end: SIZE })));
    assert.equal((await journal.checkpoint())?.runs.at(-1)?.end, SIZE);
  });

  it('fails with the journal, the content and the digests', async (test) => {
    const { handle, journal } = await newJournal(test);
    const failure = new Error('broken');
    const failing = new Subject<never>();
    failing.error(failure);
    await assert.rejects(valuesOf(failing.pipe(recordBlocks(journal, NEVER, ALL))), failure);
    await assert.rejects(valuesOf(from([at(SIZE)]).pipe(recordBlocks(journal, failing, ALL))), failure);
    await handle.close();
    const behindClose$ = concat(of(at(SIZE)), NEVER).pipe(recordBlocks(journal, from(DIGESTS), ALL));
    await assert.rejects(valuesOf(behindClose$), { code: 'EBADF' });
  });

  it('notes what was written before it passes an error on', async (test) => {
    const { journal } = await newJournal(test);
    const failure = new Error('broken');
    const failing$ = concat(
      of(at(2 * BLOCK_BYTES)),
      throwError(() => failure),
    );
    await assert.rejects(valuesOf(failing$.pipe(recordBlocks(journal, from(DIGESTS), ALL))), failure);
    assert.equal((await journal.checkpoint())?.runs.at(-1)?.end, 2 * BLOCK_BYTES);
  });

  it('listens to nobody any more once it is unsubscribed', async (test) => {
    const { journal } = await newJournal(test);
    const progress = new Subject<Progress>();
    const digest = new Subject<string>();
    progress
      .pipe(recordBlocks(journal, digest, ALL))
      .subscribe({ error: unexpected })
      .unsubscribe();
    assert.deepEqual([progress.observed, digest.observed], [false, false]);
  });
});
