import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Store, LocalFolderStore } from '../../lib/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { heldBytes } from '../helpers/memory.ts';
import { openSession } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';
import type { FaultSize } from './size.ts';

const PAGE = 1000;
// What the store reads ahead of whoever asks.
const AHEAD = 64;
const ROOM = 24 * 1024 ** 2;

export const faultLargeFolder = ({ entries }: FaultSize): void => {
  describe('fault 15: a large folder', () => {
    it(`fault 15: the first page of ${entries} names comes before the rest is read, and memory stays flat`, async (test) => {
      const folder = await LocalFolderStore.open(await temporaryFolder(test));
      for (let index = 0; index < entries; index += 1) closeSync(openSync(`${folder.root}/${index}`, 'w'));
      let read = 0;
      const store: Store = Object.assign(Object.create(folder) as LocalFolderStore, {
        list: async function* (path: readonly string[]) {
          for await (const entry of folder.list(path)) {
            read += 1;
            yield entry;
          }
        },
      });
      const session = await openSession(test, await startServer(test, { store }));
      const before = heldBytes();
      let most = 0;
      let seen = 0;
      let cursor: unknown;
      for (let id = 1; ; id += 1) {
        const page = await session.ask({ type: 'list', id, path: [], cursor });
        seen += (page['entries'] as unknown[]).length;
        if (id === 1) assert.ok(read <= PAGE + AHEAD, `${read} entries were read for the first page`);
        if (id % 100 === 1) most = Math.max(most, heldBytes() - before);
        cursor = page['cursor'];
        if (cursor === undefined) break;
      }
      assert.equal(seen, entries);
      assert.ok(most < ROOM, `${most} bytes were held`);
    });
  });
};
