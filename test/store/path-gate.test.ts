import assert from 'node:assert/strict';
import { lstat, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { formatPath } from '../../lib/protocol/path.ts';
import { type Folder, PathGate, heldLocation, isLinkRefusal, namingErrors } from '../../lib/store/path-gate.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

/** A root with a folder in it, something outside, and links of every kind. */
const world = async (test: TestContext) => {
  const base = await temporaryFolder(test);
  const root = join(base, 'root');
  await mkdir(join(root, 'inside', 'deep'), { recursive: true });
  await mkdir(join(base, 'outside', 'deep'), { recursive: true });
  await mkdir(join(base, 'root-2'));
  await writeFile(join(root, 'inside', 'file'), 'mine');
  await writeFile(join(base, 'outside', 'file'), 'secret');
  await symlink('inside', join(root, 'to-inside'));
  await symlink('../outside', join(root, 'to-outside'));
  await symlink('..', join(root, 'to-above'));
  await symlink('/', join(root, 'to-system-root'));
  await symlink('../root-2', join(root, 'to-neighbour'));
  await symlink('../root/inside', join(root, 'out-and-back'));
  await symlink('to-outside', join(root, 'in-two-steps'));
  await symlink('.', join(root, 'to-root'));
  await symlink('nowhere', join(root, 'to-nothing'));
  await symlink('in-a-circle', join(root, 'in-a-circle'));
  return { base, root, gate: await PathGate.for(root, formatPath) };
};

const OUTSIDE = { name: 'FileError', code: 'PATH_OUTSIDE_ROOT' };

describe('PathGate', () => {
  it('opens for an existing folder only', async (test) => {
    const { root } = await world(test);
    await assert.rejects(PathGate.for(join(root, 'missing'), formatPath), { code: 'NOT_FOUND' });
    await assert.rejects(PathGate.for(join(root, 'inside', 'file'), formatPath), { code: 'NOT_A_FOLDER' });
  });

  it('follows a root that is a link itself', async (test) => {
    const { root } = await world(test);
    assert.equal((await PathGate.for(join(root, 'to-inside'), formatPath)).root, join(root, 'inside'));
  });

  it('opens the root and folders below it', async (test) => {
    const { gate } = await world(test);
    for (const path of [[], ['inside'], ['inside', 'deep']]) {
      const { handle, location } = await gate.openFolder(path);
      assert.equal((await lstat(`${location}/.`)).ino, (await handle.stat()).ino);
      await handle.close();
    }
  });

  for (const path of [['to-inside'], ['to-inside', 'deep'], ['out-and-back'], ['to-root'], ['to-root', 'inside']])
    it(`follows links that stay inside: ${formatPath(path)}`, async (test) => {
      const { gate } = await world(test);
      await (await gate.openFolder(path)).handle.close();
    });

  for (const path of [
    ['to-outside'],
    ['to-outside', 'deep'],
    ['to-above'],
    ['to-above', 'outside'],
    ['to-system-root'],
    ['to-system-root', 'tmp'],
    ['to-neighbour'],
    ['in-two-steps'],
    ['in-two-steps', 'deep'],
    ['to-root', 'to-outside'],
    ['to-inside', '..', '..'],
  ])
    it(`refuses what leads out of the root: ${formatPath(path)}`, async (test) => {
      const { gate } = await world(test);
      await assert.rejects(gate.openFolder(path), OUTSIDE);
      await assert.rejects(gate.openPlace([...path, 'file']), OUTSIDE);
      await assert.rejects(
        gate.inFolder(path, 'cannot look', () => assert.fail('was let in')),
        OUTSIDE,
      );
      await assert.rejects(
        gate.atPlace([...path, 'file'], 'cannot look', () => assert.fail('was let in')),
        OUTSIDE,
      );
    });

  it('names the remote path in its errors and nothing of this machine', async (test) => {
    const { gate, base } = await world(test);
    for (const path of [['to-outside'], ['missing'], ['inside', 'file'], ['in-a-circle']])
      await assert.rejects(
        gate.inFolder(path, 'cannot look', () => assert.fail('was let in')),
        (error: Error) => error.message.startsWith(`${formatPath(path)}: `) && !error.message.includes(base),
      );
  });

  it('tells what is wrong with a path that leads nowhere', async (test) => {
    const { gate } = await world(test);
    const code = async (path: readonly string[]) =>
      gate
        .inFolder(path, 'cannot look', () => assert.fail('was let in'))
        .catch((error: unknown) => (error as { code: string }).code);
    assert.equal(await code(['missing']), 'NOT_FOUND');
    assert.equal(await code(['to-nothing']), 'NOT_FOUND');
    assert.equal(await code(['inside', 'file']), 'NOT_A_FOLDER');
    assert.equal(await code(['inside', 'file', 'below']), 'NOT_A_FOLDER');
    assert.equal(await code(['in-a-circle']), 'PATH_OUTSIDE_ROOT');
  });

  it('has no place for the root itself', async (test) => {
    const { gate } = await world(test);
    await assert.rejects(gate.openPlace([]), { code: 'PERMISSION_DENIED' });
  });

  it('gives a place for a name that is not there yet', async (test) => {
    const { gate, root } = await world(test);
    await gate.atPlace(['to-inside', 'new'], 'cannot write', ({ name, location }) => {
      assert.equal(name, 'new');
      return writeFile(location, 'hello');
    });
    assert.equal(await readFile(join(root, 'inside', 'new'), 'utf8'), 'hello');
  });

  it('works in the folder it has checked when its name is given to a link meanwhile', async (test) => {
    const { gate, root, base } = await world(test);
    await gate.atPlace(['inside', 'new'], 'cannot write', async ({ location }) => {
      await rename(join(root, 'inside'), join(root, 'moved'));
      await symlink(join(base, 'outside'), join(root, 'inside'));
      await writeFile(location, 'hello');
    });
    assert.equal(await readFile(join(root, 'moved', 'new'), 'utf8'), 'hello');
    await assert.rejects(lstat(join(base, 'outside', 'new')), { code: 'ENOENT' });
  });

  it('closes the folder when the work in it is done or fails', async (test) => {
    const { gate } = await world(test);
    let fd = 0;
    const done = gate.inFolder([], 'cannot look', ({ handle }) => Promise.resolve((fd = handle.fd)));
    assert.equal(await done, fd);
    const failure = new Error('work broken');
    let folder: Folder | undefined;
    const failed = gate.atPlace(['inside'], 'cannot look', (place) => {
      folder = place.folder;
      return Promise.reject(failure);
    });
    await assert.rejects(failed, { code: 'WRITE_FAILED', cause: failure });
    assert.equal(folder?.handle.fd, -1);
  });

  describe('followLink', () => {
    it('gives the place inside the root where a link leads', async (test) => {
      const { gate, root } = await world(test);
      assert.deepEqual(await gate.followLink(join(root, 'to-inside'), ['to-inside']), ['inside']);
      assert.deepEqual(await gate.followLink(join(root, 'out-and-back'), ['out-and-back']), ['inside']);
      assert.deepEqual(await gate.followLink(join(root, 'to-root'), ['to-root']), []);
    });

    it('refuses a link that leads out', async (test) => {
      const { gate, root } = await world(test);
      for (const name of ['to-outside', 'to-above', 'to-system-root', 'to-neighbour', 'in-two-steps'])
        await assert.rejects(gate.followLink(join(root, name), [name]), OUTSIDE);
    });

    it('refuses a link to a name that no path could have', async (test) => {
      const { gate, root } = await world(test);
      for (const name of ['.sluice-part-1', 'back\\slash']) {
        await writeFile(join(root, name), 'hidden');
        await symlink(name, join(root, `to-${name}`));
        await assert.rejects(gate.followLink(join(root, `to-${name}`), [name]), { code: 'PATH_INVALID' });
      }
    });
  });
});

describe('heldLocation', () => {
  it('names an open folder by itself, not by its name', async (test) => {
    const { gate, root } = await world(test);
    const { handle } = await gate.openFolder(['inside']);
    await rename(join(root, 'inside'), join(root, 'moved'));
    assert.equal(await readFile(`${heldLocation(handle, join(root, 'inside'))}/file`, 'utf8'), 'mine');
    await handle.close();
  });
});

describe('namingErrors', () => {
  it('falls back to what was tried when the system error has no code of its own', async () => {
    const failure = new Error('strange');
    const run = (act: string) => namingErrors('/a', act, () => Promise.reject(failure));
    await assert.rejects(run('cannot read folder'), {
      code: 'READ_FAILED',
      message: '/a: cannot read folder: strange',
    });
    await assert.rejects(run('cannot delete'), { code: 'WRITE_FAILED', cause: failure });
  });
});

describe('isLinkRefusal', () => {
  it('knows the error of a link that was not followed', () => {
    assert.equal(isLinkRefusal(Object.assign(new Error(), { code: 'ELOOP' })), true);
    assert.equal(isLinkRefusal(Object.assign(new Error(), { code: 'ENOENT' })), false);
    assert.equal(isLinkRefusal('ELOOP'), false);
  });
});
