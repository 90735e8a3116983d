import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createDigest } from '../../lib/index.ts';
import { failsWith } from '../helpers/errors.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

describe('the digest of a remote file', () => {
  it('is that of its whole content, of any length', async (test) => {
    const server = await startServer(test);
    const client = await startClient(test, server);
    for (const size of [0, 1, 65_536, 3_000_001]) {
      const content = randomBytes(size);
      await writeFile(join(server.root, 'file'), content);
      assert.equal(await client.hash(['file'], 'sha256'), createHash('sha256').update(content).digest('hex'));
      const blake3 = createDigest('blake3');
      blake3.update(content);
      assert.equal(await client.hash(['file'], 'blake3'), blake3.finish());
    }
  });

  it('is refused for what is no file', async (test) => {
    const server = await startServer(test);
    const client = await startClient(test, server);
    await failsWith('NOT_FOUND', client.hash(['missing'], 'sha256'));
    await failsWith('NOT_A_FILE', client.hash([], 'sha256'));
  });
});
