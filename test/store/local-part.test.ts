import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, readFile, readdir, rm, rmdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import fc from 'fast-check';
import { from, of } from 'rxjs';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PART_PREFIX } from '../../lib/protocol/path.ts';
import { type Checkpoint, leadingRun } from '../../lib/store/checkpoint.ts';
import { LocalFolderStore } from '../../lib/store/local-folder.ts';
import type { Part, PartOptions } from '../../lib/store/store.ts';
import { Valve } from '../../lib/streams/valve.ts';
import { pattern, valuesOf } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, checkpointAt, digestsOf, fillPart, keeping, scatteredAt } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { smallDisk } from '../helpers/small-disk.ts';

checkLeaks();

const newStore = async (test: TestContext) => {
  const root = await temporaryFolder(test);
  const store = await LocalFolderStore.open(root);
  const read = (name: string) => readFile(join(root, name), 'utf8');
  const parts = async () => (await readdir(root)).filter((name) => name.startsWith(PART_PREFIX));
  return { root, store, read, parts, at: (name: string) => join(root, name) };
};

const fill = (part: Part, text: string) => valuesOf(of(Buffer.from(text)).pipe(part.content(new Valve())));

describe('LocalPart', () => {
  it('makes a file of its content at the commit', async (test) => {
    const { store, read, parts } = await newStore(test);
    const part = await store.begin(['new'], { size: 5 });
    await fill(part, 'hello');
    await part.commit();
    assert.equal(await read('new'), 'hello');
    assert.equal((await store.stat(['new'])).size, 5);
    assert.deepEqual(await parts(), []);
  });

  it('makes an empty file of no content', async (test) => {
    const { store, read } = await newStore(test);
    const part = await store.begin(['empty'], { size: 0 });
    await valuesOf(of().pipe(part.content(new Valve())));
    await part.commit();
    assert.equal(await read('empty'), '');
  });

  it('shows nothing under the name before the commit', async (test) => {
    const { store, parts } = await newStore(test);
    const part = await store.begin(['new'], {});
    await fill(part, 'hello');
    await assert.rejects(store.stat(['new']), { code: 'NOT_FOUND' });
    assert.equal((await parts()).length, 1);
    await part.discard();
  });

  it('leaves the old file as it is until the commit', async (test) => {
    const { store, read, at } = await newStore(test);
    await writeFile(at('file'), 'old');
    const part = await store.begin(['file'], {});
    await fill(part, 'new content');
    assert.equal(await read('file'), 'old');
    await part.commit();
    assert.equal(await read('file'), 'new content');
  });

  it('leaves a reader of the old file the old file', async (test) => {
    const { store, at } = await newStore(test);
    await writeFile(at('file'), 'old');
    const reader = await store.open(['file']);
    const part = await store.begin(['file'], {});
    await fill(part, 'newer');
    await part.commit();
    assert.equal(reader.entry.size, 3);
    await reader.close();
    assert.equal((await store.stat(['file'])).size, 5);
  });

  it('is gone without a trace after a discard', async (test) => {
    const { store, read, parts, at } = await newStore(test);
    await writeFile(at('file'), 'old');
    const part = await store.begin(['file'], {});
    await fill(part, 'new');
    await part.discard();
    await part.discard();
    assert.equal(await read('file'), 'old');
    assert.deepEqual(await parts(), []);
  });

  it('keeps what was committed when it is discarded afterwards', async (test) => {
    const { store, read } = await newStore(test);
    const part = await store.begin(['file'], {});
    await fill(part, 'hello');
    await part.commit();
    await part.discard();
    assert.equal(await read('file'), 'hello');
  });

  it('lets two parts of one name live side by side, and the last commit win', async (test) => {
    const { store, read, parts } = await newStore(test);
    const [one, two] = await Promise.all([store.begin(['file'], {}), store.begin(['file'], {})]);
    await fill(one, 'one');
    await fill(two, 'two');
    await two.commit();
    await one.commit();
    assert.equal(await read('file'), 'one');
    assert.deepEqual(await parts(), []);
  });

  it('does not replace a file when told not to, and can still be discarded', async (test) => {
    const { store, read, parts, at } = await newStore(test);
    const part = await store.begin(['file'], { replace: false });
    await fill(part, 'late');
    await writeFile(at('file'), 'early');
    await assert.rejects(part.commit(), { code: 'EXISTS', message: /^\/file: / });
    assert.equal(await read('file'), 'early');
    await part.discard();
    assert.deepEqual(await parts(), []);
  });

  it('takes a free name when told not to replace', async (test) => {
    const { store, read, parts } = await newStore(test);
    const part = await store.begin(['file'], { replace: false, fsync: false });
    await fill(part, 'hello');
    await part.commit();
    assert.equal(await read('file'), 'hello');
    assert.equal((await stat(join(store.root, 'file'))).nlink, 1);
    assert.deepEqual(await parts(), []);
  });

  describe('permission bits', () => {
    it('are those of the replaced file', async (test) => {
      const { store, at } = await newStore(test);
      for (const mode of [0o600, 0o755, 0o444]) {
        await writeFile(at(`file-${mode}`), 'old');
        await chmod(at(`file-${mode}`), mode);
        const part = await store.begin([`file-${mode}`], {});
        await part.commit();
        assert.equal((await stat(at(`file-${mode}`))).mode & 0o7777, mode);
      }
    });

    it('are those that are asked for', async (test) => {
      const { store, at } = await newStore(test);
      await writeFile(at('file'), 'old', { mode: 0o644 });
      const part = await store.begin(['file'], { mode: 0o640 });
      await part.commit();
      assert.equal((await stat(at('file'))).mode & 0o7777, 0o640);
    });

    it('are those that any new file gets otherwise', async (test) => {
      const { store, at } = await newStore(test);
      await writeFile(at('usual'), '');
      const part = await store.begin(['new'], {});
      await part.commit();
      assert.equal((await stat(at('new'))).mode, (await stat(at('usual'))).mode);
    });
  });

  describe('modified time', () => {
    it('is the one asked for, to the millisecond', async (test) => {
      const { store } = await newStore(test);
      // Up to the year 2200; older files may have a time before 1970.
      const milliseconds = fc.integer({ min: -1e12, max: 7_258_118_400_000 });
      await fc.assert(
        fc.asyncProperty(milliseconds, async (modified) => {
          const part = await store.begin(['file'], { modified, fsync: false });
          await part.commit();
          assert.equal((await store.stat(['file'])).modified, modified);
        }),
        { numRuns: 200, examples: [[0], [1], [-1], [999], [1_700_000_000_001], [1_700_000_000_999]] },
      );
    });

    it('is now unless asked for, whatever the replaced file had', async (test) => {
      const { store, at } = await newStore(test);
      await writeFile(at('file'), 'old');
      await utimes(at('file'), 1000, 1000);
      const part = await store.begin(['file'], {});
      await fill(part, 'new');
      await part.commit();
      assert.ok((await store.stat(['file'])).modified > 1_600_000_000_000);
    });
  });

  describe('a target that is no file', () => {
    it('is refused when it is a folder', async (test) => {
      const { store, parts, at } = await newStore(test);
      await mkdir(at('folder'));
      await assert.rejects(store.begin(['folder'], {}), { code: 'NOT_A_FILE' });
      assert.deepEqual(await parts(), []);
    });

    it('is refused when it is a link, wherever it leads', async (test) => {
      const { store, parts, read, at } = await newStore(test);
      const outside = await temporaryFolder(test);
      await writeFile(join(outside, 'file'), 'secret');
      await writeFile(at('file'), 'old');
      for (const [name, target] of Object.entries({
        out: join(outside, 'file'),
        in: 'file',
        broken: join(outside, 'new'),
      })) {
        await symlink(target, at(name));
        await assert.rejects(store.begin([name], {}), { code: 'PATH_OUTSIDE_ROOT' });
      }
      assert.deepEqual(await parts(), []);
      assert.equal(await read('file'), 'old');
      assert.deepEqual(await readdir(outside), ['file']);
    });

    it('is refused at the commit when a folder has come there', async (test) => {
      const { store, parts, at } = await newStore(test);
      const part = await store.begin(['file'], {});
      await fill(part, 'hello');
      await mkdir(at('file'));
      await assert.rejects(part.commit(), { code: 'NOT_A_FILE' });
      await part.discard();
      assert.deepEqual(await parts(), []);
      assert.ok((await lstat(at('file'))).isDirectory());
    });

    it('is replaced, not written through, when a link has come there', async (test) => {
      const { store, read, at } = await newStore(test);
      const outside = join(await temporaryFolder(test), 'secret');
      await writeFile(outside, 'secret');
      const part = await store.begin(['file'], {});
      await fill(part, 'hello');
      await symlink(outside, at('file'));
      await part.commit();
      assert.equal(await read('file'), 'hello');
      assert.ok((await lstat(at('file'))).isFile());
      assert.equal(await readFile(outside, 'utf8'), 'secret');
    });

    it('is refused when it is the root', async (test) => {
      const { store } = await newStore(test);
      await assert.rejects(store.begin([], {}), { code: 'NOT_A_FILE' });
    });
  });

  it('needs a folder to be in', async (test) => {
    const { store, at } = await newStore(test);
    await writeFile(at('file'), '');
    await assert.rejects(store.begin(['missing', 'file'], {}), { code: 'NOT_FOUND' });
    await assert.rejects(store.begin(['file', 'file'], {}), { code: 'NOT_A_FOLDER' });
  });

  it('is refused at once when the disk has less room than it needs', async (test) => {
    const { store, parts } = await newStore(test);
    await assert.rejects(store.begin(['big'], { size: Number.MAX_SAFE_INTEGER }), { code: 'NO_SPACE' });
    assert.deepEqual(await parts(), []);
  });

  it('fails its commit when somebody has removed it, and can still be discarded', async (test) => {
    const { store, parts, at } = await newStore(test);
    const part = await store.begin(['file'], {});
    for (const name of await parts()) await rm(at(name));
    await assert.rejects(part.commit(), { code: 'NOT_FOUND' });
    await part.discard();
    await assert.rejects(store.stat(['file']), { code: 'NOT_FOUND' });
  });

  it('closes what it holds also when its hidden file cannot be removed', async (test) => {
    const { store, parts, at } = await newStore(test);
    const part = await store.begin(['file'], {});
    const [name = ''] = await parts();
    await rm(at(name));
    await mkdir(at(name));
    // The leak check would find its handles open.
    await assert.rejects(part.discard());
  });

  describe('that may be kept', () => {
    const CONTENT = pattern(3 * BLOCK_BYTES + 1000);

    /** A part that has the content's first bytes. */
    const beginKept = async (test: TestContext, bytes = 2 * BLOCK_BYTES + 5) => {
      const scene = await newStore(test);
      const part = await scene.store.begin(['file'], { keep: keeping(CONTENT) });
      await fillPart(part, CONTENT.subarray(0, bytes));
      return { ...scene, part };
    };

    /** Goes on behind a checkpoint, to the end of the content. */
    const goOn = async (store: LocalFolderStore, from: Checkpoint, options: PartOptions = {}) => {
      const start = leadingRun(from)?.end ?? 0;
      const keep = { ...keeping(CONTENT, { start }), from };
      const part = await store.begin(['file'], { ...options, keep });
      await fillPart(part, CONTENT.subarray(start));
      return part;
    };

    it('keeps its whole blocks when it is suspended, and becomes the file when the rest has come', async (test) => {
      const { store, part, parts, root } = await beginKept(test);
      assert.equal(await store.kept(['file']), undefined);
      await part.suspend();
      await part.suspend();
      const kept = await store.kept(['file']);
      assert.deepEqual(kept, checkpointAt(CONTENT, 2 * BLOCK_BYTES));
      await (await goOn(store, kept)).commit();
      assert.ok(CONTENT.equals(await readFile(join(root, 'file'))));
      assert.deepEqual(await parts(), []);
      assert.equal(await store.kept(['file']), undefined);
    });

    it('is whole when only its name was missing', async (test) => {
      const { store, part, root } = await beginKept(test, CONTENT.length);
      await part.suspend();
      await (await goOn(store, checkpointAt(CONTENT, CONTENT.length))).commit();
      assert.ok(CONTENT.equals(await readFile(join(root, 'file'))));
    });

    it('is whole, with nothing behind it, when it is given up while it becomes the file', async (test) => {
      for (const end of ['suspend', 'discard'] as const) {
        const { part, parts, root } = await beginKept(test, CONTENT.length);
        const committing = part.commit();
        await part[end]();
        await committing;
        assert.ok(CONTENT.equals(await readFile(join(root, 'file'))), end);
        assert.deepEqual(await parts(), []);
      }
    });

    it('leaves nothing when it is suspended before its first block is whole', async (test) => {
      const { part, parts } = await beginKept(test, BLOCK_BYTES - 1);
      await part.suspend();
      assert.deepEqual(await parts(), []);
    });

    it('leaves nothing when it is discarded', async (test) => {
      const { store, part, parts } = await beginKept(test);
      await part.discard();
      await part.suspend();
      assert.deepEqual(await parts(), []);
      assert.equal(await store.kept(['file']), undefined);
    });

    it('leaves nothing when it is suspended under a name that nobody would look for', async (test) => {
      const { store, part, parts } = await beginKept(test);
      const other = await store.begin(['file'], { keep: keeping(CONTENT) });
      await fillPart(other, CONTENT);
      await other.suspend();
      assert.equal((await parts()).length, 1);
      await part.discard();
    });

    it('goes when another one becomes the file, or when the file is removed', async (test) => {
      for (const isRemoved of [false, true]) {
        const { root, store, part, at } = await beginKept(test);
        await part.suspend();
        if (isRemoved) await writeFile(at('file'), 'older');
        const other = await store.begin(['file'], {});
        await fillPart(other, Buffer.from('whole'));
        if (!isRemoved) await other.commit();
        else {
          await other.discard();
          assert.equal((await readdir(root)).length, 2);
          await store.remove(['file']);
        }
        assert.deepEqual(await readdir(root), isRemoved ? [] : ['file']);
      }
    });

    it('stays, whatever becomes the file, while somebody writes to it', async (test) => {
      const { store, part, parts } = await beginKept(test);
      const other = await store.begin(['file'], {});
      await fillPart(other, Buffer.from('whole'));
      await other.commit();
      assert.equal((await parts()).length, 1);
      await part.discard();
    });

    it('is no file of its folder, by whatever name', async (test) => {
      const { store, part, parts } = await beginKept(test);
      await part.suspend();
      const entries = [];
      for await (const entry of store.list([])) entries.push(entry);
      assert.deepEqual(entries, []);
      assert.equal((await parts()).length, 1);
    });

    for (const [what, options, block, unblock] of [
      ['a folder has come there', {}, (at: string) => mkdir(at), (at: string) => rmdir(at)],
      ['the name is taken', { replace: false }, (at: string) => writeFile(at, 'early'), (at: string) => rm(at)],
    ] as const)
      it(`is kept whole when its commit fails because ${what}`, async (test) => {
        const { store, part, at, root } = await beginKept(test);
        await part.suspend();
        const whole = await goOn(store, checkpointAt(CONTENT, 2 * BLOCK_BYTES), options);
        await block(at('file'));
        await assert.rejects(whole.commit(), { code: what.includes('folder') ? 'NOT_A_FILE' : 'EXISTS' });
        await unblock(at('file'));
        await whole.suspend();
        const kept = await store.kept(['file']);
        assert.deepEqual(kept, checkpointAt(CONTENT, CONTENT.length));
        await (await goOn(store, kept)).commit();
        assert.ok(CONTENT.equals(await readFile(join(root, 'file'))));
      });

    it('does not become the file, and takes nothing away, when somebody else’s part has its name', async (test) => {
      const { store, part, parts, at } = await beginKept(test, CONTENT.length);
      const [name = ''] = await parts();
      await rm(at(name));
      const other = await store.begin(['file'], { keep: keeping(CONTENT) });
      await assert.rejects(part.commit(), { code: 'BUSY' });
      await part.discard();
      assert.deepEqual(await parts(), [name]);
      await fillPart(other, CONTENT);
      await other.commit();
      assert.ok(CONTENT.equals(await readFile(at('file'))));
    });

    it('takes ranges beside each other, and keeps the verified blocks of each', async (test) => {
      const { store, at } = await newStore(test);
      const part = await store.begin(['scattered'], { keep: keeping(CONTENT) });
      const fillAt = (part: Part, offset: number, end: number) => {
        const digest$ = from(digestsOf(CONTENT.subarray(offset, end)));
        const sink = part.contentAt?.({ offset, end }, digest$) ?? assert.fail();
        return valuesOf(of(CONTENT.subarray(offset, end)).pipe(sink(new Valve())));
      };
      const last = 2 * BLOCK_BYTES;
      assert.deepEqual(await fillAt(part, last, CONTENT.length), [{ bytes: CONTENT.length }]);
      await part.suspend();
      const kept = await store.kept(['scattered']);
      assert.deepEqual(kept, scatteredAt(CONTENT, [[last, CONTENT.length]]));
      const again = await store.begin(['scattered'], { keep: { ...keeping(CONTENT), from: kept } });
      await Promise.all([fillAt(again, BLOCK_BYTES, last), fillAt(again, 0, BLOCK_BYTES)]);
      await again.commit();
      assert.ok(CONTENT.equals(await readFile(at('scattered'))));
    });

    it('is not taken up as what it is not', async (test) => {
      const { store, part } = await beginKept(test);
      await part.suspend();
      const kept = checkpointAt(CONTENT, 2 * BLOCK_BYTES);
      await assert.rejects(goOn(store, checkpointAt(CONTENT, BLOCK_BYTES)), { code: 'OFFSET_MISMATCH' });
      await assert.rejects(
        goOn(store, { ...kept, runs: kept.runs.map((run) => ({ ...run, digest: '0'.repeat(64) })) }),
        { code: 'OFFSET_MISMATCH' },
      );
      assert.deepEqual(await store.kept(['file']), kept);
    });

    it('keeps what was written, and no more, when the disk is full', async (test) => {
      const root = await smallDisk(test);
      if (root === undefined) return;
      const content = pattern(6 * BLOCK_BYTES);
      const store = await LocalFolderStore.open(root);
      const part = await store.begin(['file'], { keep: keeping(content) });
      const oneByOne = Array.from({ length: 6 }, (_, index) =>
        content.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
      );
      await assert.rejects(valuesOf(from(oneByOne).pipe(part.content(new Valve()))), { code: 'NO_SPACE' });
      await part.suspend();
      const kept = (await store.kept(['file'])) ?? assert.fail('nothing is kept');
      const end = leadingRun(kept)?.end ?? 0;
      assert.ok(end >= BLOCK_BYTES && end < 4 * BLOCK_BYTES, String(end));
      assert.deepEqual(kept, checkpointAt(content, end));
      const options = { size: content.length, keep: { ...keeping(content), from: kept } };
      await assert.rejects(store.begin(['file'], options), { code: 'NO_SPACE' });
      assert.deepEqual(await store.kept(['file']), kept, 'it waits for room');
    });

    it('makes room for another content before room is asked for', async (test) => {
      const root = await smallDisk(test);
      if (root === undefined) return;
      const store = await LocalFolderStore.open(root);
      const old = await store.begin(['file'], { keep: keeping(CONTENT) });
      await fillPart(old, CONTENT.subarray(0, 2 * BLOCK_BYTES));
      await old.suspend();
      const other = keeping(CONTENT, { modified: MODIFIED + 1 });
      const part = await store.begin(['file'], { size: CONTENT.length, keep: other });
      await fillPart(part, CONTENT);
      await part.commit();
      assert.deepEqual(await readdir(root), ['file']);
    });
  });
});
