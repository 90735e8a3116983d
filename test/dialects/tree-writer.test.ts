import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, concatMap, from, lastValueFrom, of, throwError } from 'rxjs';
import { TreeWriter } from '../../lib/dialects/native/tree-writer.ts';
import { UnsupportedError, Valve } from '../../lib/index.ts';
import type { ReadSmallFiles, TreeFile, TreeItem } from '../../lib/transfer/tree.ts';
import { pattern, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { contentFrames, messageFrame, sha256 } from '../helpers/raw-peer.ts';

checkLeaks();

const about = (name: string, size: number) => ({ path: [name], size, modified: 5, mode: 0o644 });
const fileItem = (name: string, bytes: Buffer, size = bytes.length): TreeItem => ({
  kind: 'file',
  ...about(name, size),
  content: () => of(bytes),
});
const header = (name: string, size: number) => messageFrame({ type: 'file', ...about(name, size) });

const start = ({ packs = false } = {}) => {
  const writer = new TreeWriter({ digestName: 'sha256', maxFrame: 1024 * 1024, packs });
  const wireOf = async (...items: TreeItem[]): Promise<Buffer> => {
    const prepared$ = writer.prepare(items).pipe(concatMap((prepared) => from(prepared)));
    return Buffer.concat(await valuesOf(prepared$.pipe(concatMap(({ write }) => write(new Valve())))));
  };
  return { writer, wireOf };
};

describe('TreeWriter', () => {
  it('writes folders, small files in one piece, large ones in blocks, and an end that sums up', async () => {
    const { writer, wireOf } = start();
    const large = pattern(2 * 1024 * 1024 + 1);
    assert.deepEqual(await wireOf({ kind: 'folder', path: ['a'] }), messageFrame({ type: 'folder', path: ['a'] }));
    assert.deepEqual(
      await wireOf(fileItem('b', Buffer.from('abc'))),
      Buffer.concat([header('b', 3), contentFrames('abc')]),
    );
    assert.ok(
      (await wireOf(fileItem('c', large))).equals(Buffer.concat([header('c', large.length), contentFrames(large)])),
    );
    const { end, proof } = writer.finish();
    assert.deepEqual(end, messageFrame({ type: 'end', files: 2, bytes: large.length + 3 }));
    assert.deepEqual([proof.files, proof.bytes], [2, large.length + 3]);
  });

  it('is proven by the digest of nothing where it has no files', () => {
    assert.equal(start().writer.finish().proof.digest, sha256(''));
  });

  it('reads small files together where it can, and as their content comes where that has another size', async () => {
    const { wireOf } = start();
    const fileItems = (readSmall: ReadSmallFiles): TreeItem[] =>
      ['a', 'b'].map((name) => ({ ...(fileItem(name, Buffer.from('as it comes')) as TreeFile), readSmall }));
    const written = async (...read: (Buffer | undefined)[]) =>
      (await wireOf(...fileItems(() => Promise.resolve(read)))).toString();
    const expected = (...files: [string, string][]) =>
      Buffer.concat(files.flatMap(([name, content]) => [header(name, 11), contentFrames(content)])).toString();
    const [one, other] = [Buffer.from('at one go..'), Buffer.from('at one go!!')];
    assert.equal(await written(one, other), expected(['a', 'at one go..'], ['b', 'at one go!!']));
    assert.equal(
      await written(Buffer.from('longer by now'), other),
      expected(['b', 'at one go!!'], ['a', 'as it comes']),
    );
    const asTheyCome = expected(['a', 'as it comes'], ['b', 'as it comes']);
    assert.equal(await written(undefined), asTheyCome);
    const failing = fileItems(() => Promise.reject(new Error('cannot')));
    assert.equal((await wireOf(...failing)).toString(), asTheyCome);
  });

  it('puts small files of a folder into packs, for a receiver that takes them', async () => {
    const { writer, wireOf } = start({ packs: true });
    const contents: Record<string, string> = { a: 'one', b: '', c: 'three' };
    const readSmall: ReadSmallFiles = (files) =>
      Promise.resolve(files.map(({ path }) => Buffer.from(contents[path.at(-1) ?? ''] ?? '')));
    const file = (...path: string[]): TreeItem => {
      const bytes = Buffer.from(contents[path.at(-1) ?? ''] ?? '');
      return { ...(fileItem('', bytes) as TreeFile), path, readSmall };
    };
    const wire = await wireOf(
      { kind: 'folder', path: ['sub'] },
      file('a'),
      file('b'),
      file('sub', 'c'),
      fileItem('large', pattern(70_000)),
    );
    const about = (name: string, size: number) => ({ name, size, modified: 5, mode: 0o644 });
    const expected = [
      messageFrame({ type: 'folder', path: ['sub'] }),
      header('large', 70_000),
      contentFrames(pattern(70_000)),
      messageFrame({ type: 'pack', path: [], files: [about('a', 3), about('b', 0)] }),
      contentFrames('one'),
      messageFrame({ type: 'pack', path: ['sub'], files: [about('c', 5)] }),
      contentFrames('three'),
    ];
    assert.ok(wire.equals(Buffer.concat(expected)), wire.toString('latin1').replace(/[^ -~]{9,}/g, '…'));
    assert.deepEqual(writer.count, { files: 4, bytes: 70_008, skipped: 0, failed: 0 });
  });

  it('has folders in front of small files, and those of different stores each read by its own', async () => {
    const { wireOf } = start();
    const reads = (text: string) => ({
      readSmall: (files: readonly TreeFile[]) => Promise.resolve(files.map(() => Buffer.from(text))),
    });
    const file = (name: string) => fileItem(name, Buffer.from('ab')) as TreeFile;
    const folder = { kind: 'folder', path: ['f'] } as const;
    const wire = await wireOf(
      { ...file('a'), ...reads('one') },
      { ...file('b'), ...reads('12') },
      { ...file('c'), ...reads('34') },
      folder,
    );
    const contents = [
      ['a', 'ab'],
      ['b', '12'],
      ['c', '34'],
    ] as const;
    const frames = contents.flatMap(([name, text]) => [header(name, 2), contentFrames(text)]);
    const expected = Buffer.concat([messageFrame({ type: 'folder', path: ['f'] }), ...frames]);
    assert.equal(wire.toString(), expected.toString());
  });

  it('says of a small file that cannot be read that it failed, and does not begin it', async () => {
    const { writer, wireOf } = start();
    const error = new UnsupportedError('not this one');
    const failing: TreeItem = { kind: 'file', ...about('a', 3), content: () => throwError(() => error) };
    const failed = messageFrame({ type: 'failed', path: ['a'], code: 'UNSUPPORTED', message: 'not this one' });
    const problem = lastValueFrom(writer.problem$);
    assert.deepEqual(await wireOf(failing), failed);
    writer.close();
    assert.deepEqual(await problem, { files: 0, bytes: 0, skipped: 0, failed: 1, problem: { path: ['a'], error } });
  });

  it('ends a large file that cannot be read on, or has another size than it had, with the reason', async () => {
    const size = 100_000;
    const error = new UnsupportedError('not further');
    const broken: TreeItem = {
      kind: 'file',
      ...about('a', size),
      content: () =>
        concat(
          of(Buffer.from('abc')),
          throwError(() => error),
        ),
    };
    const { writer, wireOf } = start();
    const failed = { code: 'UNSUPPORTED', message: 'not further' };
    assert.deepEqual(await wireOf(broken), Buffer.concat([header('a', size), contentFrames('abc', { failed })]));
    for (const bytes of [pattern(size - 1), pattern(size + 1)])
      assert.match((await wireOf(fileItem('b', bytes, size))).toString('latin1'), /"failed":\{"code":"SIZE_MISMATCH"/);
    assert.deepEqual(writer.count, { files: 0, bytes: 0, skipped: 0, failed: 3 });
    assert.equal(writer.finish().proof.files, 0);
  });
});
