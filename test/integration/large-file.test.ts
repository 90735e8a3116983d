import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { pump, toNothing } from '../../lib/index.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

describe('a file above 4 GiB', () => {
  it('is counted and verified to its last byte', async (test) => {
    const server = await startServer(test);
    const client = await startClient(test, server);
    const size = 4 * 1024 ** 3 + 1;
    await writeFile(join(server.root, 'huge'), '');
    await truncate(join(server.root, 'huge'), size);
    const { bytes } = await lastValueFrom(pump(client.source(['huge']), toNothing()));
    assert.equal(bytes, size);
    const report = await server.event('transfer');
    assert.deepEqual([report.outcome, report.bytes], ['completed', size]);
  });
});
