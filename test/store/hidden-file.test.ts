import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  link,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname, platform } from 'node:os';
import { join } from 'node:path';
import { kill } from 'node:process';
import { type TestContext, describe, it } from 'node:test';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { PART_PREFIX, formatPath } from '../../lib/protocol/path.ts';
import type { Checkpoint } from '../../lib/store/checkpoint.ts';
import { type HiddenFile, claimHidden, createHidden, findKept, holdsItsName } from '../../lib/store/hidden-file.ts';
import { thisProcess } from '../../lib/store/part-owner.ts';
import { PathGate, type Place } from '../../lib/store/path-gate.ts';
import { pattern } from '../helpers/collect.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkpointAt, digestsOf, forgeJournal, keeping } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startPartOwner } from '../helpers/part-owner.ts';
import { until } from '../helpers/raw-peer.ts';

checkLeaks();

const CONTENT = pattern(3 * BLOCK_BYTES + 1000);
const KEPT = checkpointAt(CONTENT, 2 * BLOCK_BYTES);

interface Scene {
  readonly place: Place;
  readonly root: string;
  /** Names of the part files that are there. */
  readonly parts: () => Promise<string[]>;
  /** Where the part that outlives its transfer is. */
  readonly kept: () => Promise<string>;
}

const startScene = async (test: TestContext): Promise<Scene> => {
  const root = await temporaryFolder(test);
  const place = await (await PathGate.for(root, formatPath)).openPlace(['file']);
  test.after(() => place.folder.handle.close());
  const parts = async () => (await readdir(root)).filter((name) => name.startsWith(PART_PREFIX));
  const kept = async () => {
    const [name = '', ...others] = await parts();
    assert.deepEqual(others, []);
    return join(root, name);
  };
  return { place, root, parts, kept };
};

/** A part with the first two blocks in it, to which nobody writes any more. */
const leavePart = async ({ place }: Scene): Promise<void> => {
  const { handle, journal } = await createHidden(place, keeping(CONTENT));
  await handle.write(CONTENT.subarray(0, 2 * BLOCK_BYTES), 0, 2 * BLOCK_BYTES, 0);
  for (const [index, digest] of digestsOf(CONTENT).slice(0, 2).entries()) journal?.record(index, digest);
  await journal?.hand(null);
  await handle.close();
};

/** Claims the part and lets go of it; gives what was claimed. */
const claim = async ({ place }: Scene, checkpoint: Checkpoint = KEPT): Promise<HiddenFile> => {
  const hidden = await claimHidden(place, checkpoint);
  await hidden.handle.close();
  return hidden;
};

const create = async ({ place }: Scene, ...options: [ReturnType<typeof keeping>?, number?]): Promise<HiddenFile> => {
  const hidden = await createHidden(place, ...options);
  await hidden.handle.close();
  return hidden;
};

/** Asserts that nobody gets the part, and that it stays what it is. */
const assertUntouched = async (scene: Scene): Promise<void> => {
  const file = await scene.kept();
  const before = await readFile(file);
  assert.equal(await findKept(scene.place), undefined);
  await failsWith('OFFSET_MISMATCH', claim(scene));
  assert.equal(await scene.kept(), file);
  assert.ok(before.equals(await readFile(file)));
};

describe('a hidden file', () => {
  it('is kept where the next transfer finds it, if its content has more than one block', async (test) => {
    const scene = await startScene(test);
    const hidden = await createHidden(scene.place, keeping(CONTENT));
    assert.ok(hidden.journal !== undefined);
    assert.equal(await findKept(scene.place), undefined, 'somebody writes to it');
    await hidden.handle.close();
    for (const keep of [undefined, keeping(CONTENT.subarray(0, BLOCK_BYTES))]) {
      const passing = await create(scene, keep);
      assert.equal(passing.journal, undefined);
      assert.notEqual(passing.location, hidden.location);
    }
  });

  it('takes the place of one that nobody writes to, whatever content that is of', async (test) => {
    const scene = await startScene(test);
    await leavePart(scene);
    const { journal } = await create(scene, keeping(pattern(2 * BLOCK_BYTES)));
    assert.equal(journal?.header.size, 2 * BLOCK_BYTES);
    assert.equal((await scene.parts()).length, 1);
  });

  it('has the permissions that it shall have, and its owner may write', async (test) => {
    const scene = await startScene(test);
    const { location } = await create(scene, keeping(CONTENT), 0o440);
    assert.equal((await lstat(location)).mode & 0o777, 0o640);
    const passing = await create(scene, undefined, 0o440);
    assert.equal((await lstat(passing.location)).mode & 0o777, 0o440);
  });

  it('knows when its name has gone to another file', async (test) => {
    const { place } = await startScene(test);
    const hidden = await createHidden(place, keeping(CONTENT));
    assert.equal(await holdsItsName(hidden), true);
    await rm(hidden.location);
    await writeFile(hidden.location, 'another');
    assert.equal(await holdsItsName(hidden), false);
    await hidden.handle.close();
  });
});

describe('a kept part', () => {
  it('is not there before there was one', async (test) => {
    const scene = await startScene(test);
    assert.equal(await findKept(scene.place), undefined);
    await failsWith('OFFSET_MISMATCH', claim(scene));
  });

  it('is found, and taken up under the name that it had', async (test) => {
    const scene = await startScene(test);
    await leavePart(scene);
    const file = await scene.kept();
    assert.deepEqual(await findKept(scene.place), KEPT);
    const { journal } = await claim(scene);
    assert.equal(await scene.kept(), file);
    assert.deepEqual(journal?.header.owner, await thisProcess());
    assert.equal(await findKept(scene.place), undefined, 'it has an owner again');
  });

  it('is one of two claimers, the other one hears that it is gone', async (test) => {
    const scene = await startScene(test);
    for (let round = 0; round < 20; round += 1) {
      await leavePart(scene);
      const outcomes = await Promise.allSettled([claim(scene), claim(scene)]);
      const taken = outcomes.filter(({ status }) => status === 'fulfilled');
      assert.equal(taken.length, 1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') await failsWith('OFFSET_MISMATCH', Promise.reject(outcome.reason));
      for (const name of await scene.parts()) await rm(join(scene.root, name));
    }
  });

  it('is nobody’s for ever when somebody else begins anew while it is claimed', async (test) => {
    const scene = await startScene(test);
    for (let round = 0; round < 50; round += 1) {
      await leavePart(scene);
      const [claimed, created] = await Promise.allSettled([claim(scene), create(scene, keeping(CONTENT))]);
      assert.equal(created.status, 'fulfilled');
      const files = [claimed, created].flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      // Whatever may outlive its transfer has to stand where the next one looks.
      const lasting = files.filter(({ journal }) => journal !== undefined).map(({ location }) => location);
      assert.ok(new Set(lasting).size <= 1, lasting.join());
      const known = new Set(files.map(({ location }) => location.split('/').at(-1)));
      for (const name of await scene.parts()) assert.ok(known.has(name), `${name} is left to nobody`);
      for (const name of await scene.parts()) await rm(join(scene.root, name));
    }
  });

  for (const [what, other] of Object.entries<Partial<Checkpoint>>({
    size: { size: 1 },
    time: { modified: 1 },
    length: { runs: checkpointAt(CONTENT, BLOCK_BYTES).runs },
    place: { runs: KEPT.runs.map((run) => ({ ...run, offset: BLOCK_BYTES })) },
    digest: { runs: KEPT.runs.map((run) => ({ ...run, digest: '0'.repeat(64) })) },
    algorithm: { algorithm: 'blake3' },
  }))
    it(`is not taken up as one of another ${what}, and stays for who knows better`, async (test) => {
      const scene = await startScene(test);
      await leavePart(scene);
      await failsWith('OFFSET_MISMATCH', claim(scene, { ...KEPT, ...other }));
      assert.deepEqual(await findKept(scene.place), KEPT);
    });

  describe('whose owner', () => {
    const owned = (change: (owner: object) => object) => async (scene: Scene) => {
      await leavePart(scene);
      const owner = await thisProcess();
      await forgeJournal(await scene.kept(), (header) => ({ ...header, owner: change(owner) }));
    };

    it('is a process that runs is left alone, and is free as soon as that has crashed', async (test) => {
      const scene = await startScene(test);
      const about = { size: CONTENT.length, bytes: 2 * BLOCK_BYTES + 5 };
      const owner = await startPartOwner(test, scene.root, 'file', about);
      await assertUntouched(scene);
      const passing = await create(scene, keeping(CONTENT));
      assert.equal(passing.journal, undefined);
      assert.equal((await scene.parts()).length, 2);
      await rm(passing.location);
      await owner.crash();
      assert.deepEqual(await findKept(scene.place), KEPT);
      await claim(scene);
    });

    it(
      'was killed is free, though nobody has asked for its end yet',
      { skip: platform() !== 'linux' },
      async (test) => {
        // The inner process is killed when the outer one, which should ask for its end, is another program.
        const script = 'sleep 60 & echo $!; exec sleep 60';
        const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
        test.after(() => parent.kill('SIGKILL'));
        const [line] = (await once(parent.stdout, 'data')) as [Buffer];
        const zombie = Number(line.toString());
        const statusOf = (id?: number) => readFile(`/proc/${id}/stat`, 'latin1');
        await until('another program', async () => (await statusOf(parent.pid)).includes('(sleep)'));
        kill(zombie, 'SIGKILL');
        await until('a process that has ended', async () => (await statusOf(zombie)).includes(') Z '));
        const scene = await startScene(test);
        await owned((owner) => ({ ...owner, pid: zombie, instance: 'another' }))(scene);
        assert.deepEqual(await findKept(scene.place), KEPT);
      },
    );

    it('is this process is left alone', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => owner)(scene);
      await assertUntouched(scene);
    });

    it('had this process’s number before it is free', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => ({ ...owner, instance: 'an older one' }))(scene);
      assert.deepEqual(await findKept(scene.place), KEPT);
    });

    it('ran before the machine was started is free, though its number is in use again', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => ({ ...owner, boot: 'earlier', pid: 1, instance: 'another' }))(scene);
      assert.deepEqual(await findKept(scene.place), KEPT);
    });

    it('runs here under somebody else’s rights is left alone', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => ({ ...owner, pid: 1, instance: 'another' }))(scene);
      await assertUntouched(scene);
    });

    it('is on another machine counts as alive while it has written within the last minute', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => ({ ...owner, host: 'elsewhere', instance: 'another' }))(scene);
      await assertUntouched(scene);
      const longAgo = Date.now() / 1000 - 61;
      await utimes(await scene.kept(), longAgo, longAgo);
      assert.deepEqual(await findKept(scene.place), KEPT);
    });

    it('may be alive on another machine all the same has no hand in what is gone on with', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => ({ ...owner, host: 'elsewhere', instance: 'another' }))(scene);
      const silent = await open(await scene.kept(), 'r+');
      const longAgo = Date.now() / 1000 - 61;
      await utimes(await scene.kept(), longAgo, longAgo);
      await claim(scene);
      await silent.write(Buffer.alloc(1000, 'x'), 0, 1000, 0);
      await silent.close();
      assert.ok(
        (await readFile(await scene.kept())).subarray(0, 2 * BLOCK_BYTES).equals(CONTENT.subarray(0, 2 * BLOCK_BYTES)),
      );
    });

    it('is in another container, whose process numbers mean nothing here, is asked by the clock', async (test) => {
      const scene = await startScene(test);
      await owned((owner) => ({ ...owner, host: `${hostname()} pid:[1]`, pid: 2 ** 22, instance: 'another' }))(scene);
      await assertUntouched(scene);
    });
  });

  it('has the permissions of the file that it will replace by now', async (test) => {
    const scene = await startScene(test);
    await leavePart(scene);
    const { handle, location } = await claimHidden(scene.place, KEPT, 0o400);
    assert.equal((await lstat(location)).mode & 0o777, 0o600);
    await handle.close();
  });

  describe('in whose place', () => {
    const THINGS: readonly { readonly what: string; readonly put: (at: string, scene: Scene) => unknown }[] = [
      { what: 'an empty file', put: (at) => writeFile(at, '') },
      { what: 'a short file', put: (at) => writeFile(at, 'short') },
      { what: 'a file without a journal', put: (at) => writeFile(at, CONTENT) },
      { what: 'a file with a broken journal', put: (at) => writeFile(at, `${'x'.repeat(4000)}{"journal":1`) },
      { what: 'a folder', put: (at) => mkdir(at) },
      { what: 'a pipe', put: (at) => execFileSync('mkfifo', [at]) },
      { what: 'a link to nothing', put: (at) => symlink('/nowhere', at) },
      {
        what: 'a link to another file',
        put: async (at, { root }) => {
          await writeFile(join(root, 'secret'), 'secret');
          await symlink('secret', at);
        },
      },
      {
        what: 'a second name of another file',
        put: async (at, { root }) => {
          await writeFile(join(root, 'secret'), 'secret');
          await link(join(root, 'secret'), at);
        },
      },
    ];
    for (const { what, put } of THINGS)
      it(`is ${what} is not there, and that stays as it is`, async (test) => {
        const scene = await startScene(test);
        await leavePart(scene);
        const at = await scene.kept();
        await rm(at);
        await put(at, scene);
        const before = await lstat(at);
        assert.equal(await findKept(scene.place), undefined);
        await failsWith('OFFSET_MISMATCH', claim(scene));
        const { location, journal } = await create(scene, keeping(CONTENT));
        assert.equal(journal, undefined);
        assert.notEqual(location.split('/').at(-1), at.split('/').at(-1));
        const after = await lstat(at);
        assert.deepEqual([after.ino, after.size, after.mode], [before.ino, before.size, before.mode]);
        assert.equal((await scene.parts()).length, 2);
        if (what.includes('another')) assert.equal(await readFile(join(scene.root, 'secret'), 'utf8'), 'secret');
      });

    it('is what a crash left without a journal makes room after a minute', async (test) => {
      for (const rest of ['', CONTENT.subarray(0, 5000)]) {
        const scene = await startScene(test);
        await leavePart(scene);
        const at = await scene.kept();
        await writeFile(at, rest);
        const later = Date.now() + 61_000;
        const clock = test.mock.method(Date, 'now', () => later);
        const { journal, location } = await create(scene, keeping(CONTENT));
        clock.mock.restore();
        assert.ok(journal !== undefined);
        assert.equal(join(scene.root, location.split('/').at(-1) ?? ''), await scene.kept());
      }
    });

    it('is a journal for more content than there is, is not there', async (test) => {
      const scene = await startScene(test);
      await leavePart(scene);
      const at = await scene.kept();
      await truncate(at, 0);
      assert.equal(await findKept(scene.place), undefined);
    });
  });
});
