import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { until } from '../helpers/raw-peer.ts';
import { startClient } from '../helpers/server.ts';
import { assertFiles, outcomeOf, startScene } from './scene.ts';
import type { FaultSize } from './size.ts';

const MIB = 1024 ** 2;
const STOP_AT = MIB;

export const faultSameName = ({ writers }: FaultSize): void => {
  describe('fault 9: one name, several users', () => {
    it(`fault 9: of ${writers} clients that write one file at once, each is done or BUSY, and one content is whole`, async (test) => {
      const { server, local } = await startScene(test);
      const clients = await Promise.all(Array.from({ length: writers }, () => startClient(test, server)));
      const outcomes = await Promise.all(
        clients.map(async (client, index) => {
          const path = join(local, `${index}`);
          await writeFile(path, Buffer.alloc(MIB, `<${index}>`));
          return outcomeOf(lastValueFrom(client.upload(path, ['file'])));
        }),
      );
      const kept = await readFile(join(server.root, 'file'));
      const winner = outcomes.findIndex(
        (outcome, index) => outcome === 'done' && kept.equals(Buffer.alloc(MIB, `<${index}>`)),
      );
      assert.ok(winner >= 0, 'the file is what one of those wrote who were told so');
      assert.deepEqual(
        outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'BUSY'),
        [],
      );
      await assertFiles(server.root, ['file']);
    });

    it('fault 9: what is being written is BUSY for whoever would write, move or delete it, and is whole in the end', async (test) => {
      const plan = [{ when: 'data', nth: 0, direction: 'up', at: STOP_AT, fault: { type: 'stop' } }] as const;
      const { server, client, local, proxy } = await startScene(test, { plan });
      const bytes = Buffer.alloc(8 * MIB, 'x');
      await writeFile(join(local, 'mine'), bytes);
      await writeFile(join(local, 'theirs'), 'theirs');
      await writeFile(join(server.root, 'file'), 'old');
      const running = outcomeOf(lastValueFrom(client.upload(join(local, 'mine'), ['file'])));
      await until('a stop', () => (proxy.connections('data')[0]?.passed.up ?? 0) >= STOP_AT);
      const other = await startClient(test, server);
      for (const work of [
        () => lastValueFrom(other.upload(join(local, 'theirs'), ['file'])),
        () => other.move(['file'], ['elsewhere']),
        () => other.remove(['file']),
      ])
        assert.equal(await outcomeOf(work()), 'BUSY');
      assert.equal(await readFile(join(server.root, 'file'), 'utf8'), 'old');
      proxy.connections('data')[0]?.go();
      assert.equal(await running, 'done');
      assert.ok(bytes.equals(await readFile(join(server.root, 'file'))));
      await assertFiles(server.root, ['file']);
    });

    it('fault 9: a reader goes on with the file it opened while a writer replaces and a third deletes it', async (test) => {
      const plan = [{ when: 'data', nth: 0, direction: 'down', at: STOP_AT, fault: { type: 'stop' } }] as const;
      const { server, client, local, proxy } = await startScene(test, { plan });
      const other = await startClient(test, server);
      const old = Buffer.alloc(64 * MIB, 'old');
      await writeFile(join(server.root, 'file'), old);
      await writeFile(join(local, 'mine'), 'new');
      const reading = outcomeOf(lastValueFrom(client.download(['file'], join(local, 'copy'))));
      await until('a stop', () => (proxy.connections('data')[0]?.passed.down ?? 0) >= STOP_AT);
      await lastValueFrom(other.upload(join(local, 'mine'), ['file']));
      assert.equal(await readFile(join(server.root, 'file'), 'utf8'), 'new');
      await other.remove(['file']);
      proxy.connections('data')[0]?.go();
      assert.equal(await reading, 'done');
      assert.ok(old.equals(await readFile(join(local, 'copy'))));
    });

    it('fault 9: an upload whose folder is renamed behind the server’s back ends in that folder, whole', async (test) => {
      const plan = [{ when: 'data', direction: 'up', at: STOP_AT, fault: { type: 'stop' } }] as const;
      const { server, client, local, proxy } = await startScene(test, { plan });
      const bytes = Buffer.alloc(8 * MIB, 'x');
      await writeFile(join(local, 'mine'), bytes);
      await mkdir(join(server.root, 'folder'));
      const running = outcomeOf(lastValueFrom(client.upload(join(local, 'mine'), ['folder', 'file'])));
      await until('a stop', () => (proxy.connections('data')[0]?.passed.up ?? 0) >= STOP_AT);
      await rename(join(server.root, 'folder'), join(server.root, 'renamed'));
      proxy.connections('data')[0]?.go();
      assert.equal(await running, 'done');
      assert.deepEqual(await readdir(server.root), ['renamed']);
      assert.ok(bytes.equals(await readFile(join(server.root, 'renamed', 'file'))));
      await assertFiles(join(server.root, 'renamed'), ['file']);
    });
  });
};
