import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, from, lastValueFrom, mergeMap, of, throwError } from 'rxjs';
import { TreeWriter } from '../../lib/dialects/native/tree-writer.ts';
import { UnsupportedError, Valve } from '../../lib/index.ts';
import type { TreeFile, TreeItem } from '../../lib/transfer/tree.ts';
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

const start = () => {
  const writer = new TreeWriter({ digestName: 'sha256', maxFrame: 1024 * 1024 });
  const wireOf = async (item: TreeItem): Promise<Buffer> =>
    Buffer.concat(
      await valuesOf(from(writer.prepare(item)).pipe(mergeMap((prepared) => writer.write(prepared, new Valve())))),
    );
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

  it('takes a small file at one go where it can, and as its content comes where that has another size', async () => {
    const { wireOf } = start();
    const fileThatReads = (read: Buffer | undefined): TreeItem => ({
      ...(fileItem('a', Buffer.from('as it comes')) as TreeFile),
      read: () => Promise.resolve(read),
    });
    const written = async (read: Buffer | undefined) => (await wireOf(fileThatReads(read))).toString();
    const expected = (content: string) => Buffer.concat([header('a', 11), contentFrames(content)]).toString();
    assert.equal(await written(Buffer.from('at one go..')), expected('at one go..'));
    assert.equal(await written(Buffer.from('longer by now')), expected('as it comes'));
    assert.equal(await written(undefined), expected('as it comes'));
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
