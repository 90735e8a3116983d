import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { from, of } from 'rxjs';
import { FileError } from '../../lib/index.ts';
import { formatPath } from '../../lib/protocol/path.ts';
import { type FolderStore, TreeFolders } from '../../lib/transfer/tree-folders.ts';
import { turns, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const notFound = () => Promise.reject(new FileError('NOT_FOUND', 'nothing there'));
const folder = { name: '', kind: 'folder', size: 0, modified: 0, mode: 0o755 } as const;

/** A store whose folders are made when the test says so. */
const start = (extra: Partial<FolderStore> = {}) => {
  const asked: string[] = [];
  const making = new Map<string, () => void>();
  const store: FolderStore = {
    stat: notFound,
    makeFolder: (path) => {
      asked.push(formatPath(path));
      return new Promise((resolve) => making.set(formatPath(path), resolve));
    },
    ...extra,
  };
  const finish = async (path: string) => {
    making.get(path)?.();
    await turns(3);
  };
  return { folders: new TreeFolders(store, ['tree']), asked, finish };
};

describe('TreeFolders', () => {
  it('makes folders side by side, each behind the one around it', async () => {
    const { folders, asked, finish } = start();
    const made = [['a'], ['a', 'b'], ['c']].map((path) => folders.make(path));
    await turns(3);
    assert.deepEqual(asked, ['/tree/a', '/tree/c']);
    await finish('/tree/a');
    assert.deepEqual(asked, ['/tree/a', '/tree/c', '/tree/a/b']);
    for (const path of ['/tree/a/b', '/tree/c']) await finish(path);
    await Promise.all(made);
  });

  it('lets what is in a folder wait for that folder, and nothing else', async () => {
    const { folders, finish } = start();
    const done: string[] = [];
    const act = (name: string) => () => of(done.push(name));
    const made = folders.make(['a']);
    const inside = valuesOf(from(folders.behind(['a'], act('inside'))));
    await valuesOf(from(folders.behind(['b'], act('beside'))));
    await turns(3);
    assert.deepEqual(done, ['beside']);
    await finish('/tree/a');
    await Promise.all([made, inside]);
    assert.deepEqual(done, ['beside', 'inside']);
  });

  it('tells of a folder that cannot be made, and goes on with what is in it', async () => {
    const refused = new FileError('PERMISSION_DENIED', 'not here');
    const { folders } = start({ makeFolder: () => Promise.reject(refused) });
    const made = folders.make(['a']);
    const inside = valuesOf(from(folders.behind(['a'], () => of('tried'))));
    await assert.rejects(made, refused);
    assert.deepEqual(await inside, ['tried']);
  });

  it('takes a folder that is there, or that somebody else has just made, and no file for it', async () => {
    const exists = () => Promise.reject(new FileError('EXISTS', 'there'));
    let looks = 0;
    const appears = () => ((looks += 1) === 1 ? notFound() : Promise.resolve(folder));
    await start({ stat: () => Promise.resolve(folder) }).folders.make(['a']);
    await start({ stat: appears, makeFolder: exists }).folders.make(['a']);
    const file = { ...folder, kind: 'file' } as const;
    const taken = start({ stat: () => Promise.resolve(file), makeFolder: exists }).folders.make(['a']);
    await assert.rejects(taken, { code: 'EXISTS' });
  });

  it('makes nothing any more when it is closed, but for what is under way', async () => {
    const { folders, asked, finish } = start();
    const made = [['a'], ['a', 'b']].map((path) => folders.make(path));
    await turns(3);
    folders.close();
    await finish('/tree/a');
    await Promise.all(made);
    assert.deepEqual(asked, ['/tree/a']);
  });

  it('asks a store that does it at one go, and otherwise in the ordinary way', async () => {
    for (const atOneGo of [true, false]) {
      const { folders, asked, finish } = start({ ensureFolder: () => Promise.resolve(atOneGo) });
      const made = folders.make(['a']);
      await turns(5);
      assert.deepEqual(asked, atOneGo ? [] : ['/tree/a']);
      await finish('/tree/a');
      await made;
    }
  });
});
