import assert from 'node:assert/strict';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { CliProcess, assertFailed, jsonLines } from '../helpers/cli.ts';
import { pattern } from '../helpers/collect.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, keptBytes, leavePart, securedBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { until } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';

checkLeaks();

const MIB = BLOCK_BYTES;
const CONTENT = pattern(12 * MIB + 1000);
const BREAK_AT = 5 * MIB;

const DIRECTIONS = ['get', 'put'] as const;

/** A file and the command that moves it, over a network that breaks when half of it is through. */
const start = async (test: TestContext, command: (typeof DIRECTIONS)[number]) => {
  const server = await startServer(test, { dataPorts: 'same' });
  const direction = command === 'put' ? 'up' : 'down';
  const proxy = await startFaultProxy(test, server, [
    { when: 'data', nth: 0, direction, at: BREAK_AT, fault: { type: 'stop' } },
  ]);
  const here = await temporaryFolder(test);
  const [sources, folder] = command === 'put' ? [here, server.root] : [server.root, here];
  await writeFile(join(sources, 'file'), CONTENT);
  await utimes(join(sources, 'file'), MODIFIED / 1000, MODIFIED / 1000);
  const url = `sluice://${proxy.host}:${proxy.port}/file`;
  const words = command === 'put' ? [command, 'file', url] : [command, url];
  const run = (...flags: readonly string[]) => new CliProcess(test, [...words, ...flags], { cwd: here });
  /** Loses the connection of a command in the middle of its content. */
  const lose = async ({ isKept = true } = {}) => {
    await until('half of the content', () => (proxy.connections('data')[0]?.passed[direction] ?? 0) >= BREAK_AT);
    if (isKept) await until('a block that is secure', async () => (await securedBytes(folder)) >= MIB);
    proxy.connections('control')[0]?.strike({ type: 'reset' });
  };
  const left = async () => (await readdir(folder)).filter((name) => name !== 'file');
  return { server, run, lose, left, folder, target: join(folder, 'file') };
};

const WAITING = /^(file|sluice:\S+): .+; trying again in \d+(\.\d+)? m?s\n/;
const WERE_THERE = /: 12\.6 MB in .+ \(.+\), (\d+\.\d+|\d+) MB of it were there, verified\n$/;

for (const command of DIRECTIONS)
  describe(`sluice ${command} whose connection is lost`, () => {
    it('says so, tries again, and says what was there already', async (test) => {
      const { run, lose, left, target } = await start(test, command);
      const cli = run('--retries', '5');
      await lose();
      const { code, stdout, stderr } = await cli.exited;
      assert.equal(code, 0, stderr);
      assert.match(stderr, WAITING);
      assert.match(stdout, WERE_THERE);
      assert.ok(CONTENT.equals(await readFile(target)));
      assert.deepEqual(await left(), []);
    });

    it('is an object for each wait with --json, and a result, which counts what was there', async (test) => {
      const { run, lose } = await start(test, command);
      const cli = run('--json');
      await lose();
      const { code, stdout, stderr } = await cli.exited;
      assert.deepEqual([code, stderr], [0, '']);
      const [{ from, to, message, seconds, ...waiting } = {}, ...others] = jsonLines(stdout);
      const direction = command === 'put' ? 'upload' : 'download';
      assert.deepEqual(waiting, { type: 'waiting', direction, code: 'CLOSED_EARLY' });
      assert.ok([from, to, message].every((text) => typeof text === 'string') && Number(seconds) > 0, stdout);
      const result = others.pop() ?? {};
      assert.ok(others.every(({ type }) => type === 'waiting'));
      assert.deepEqual([result['type'], result['bytes']], ['completed', CONTENT.length]);
      const resumed = Number(result['resumed']);
      assert.ok(resumed >= MIB && resumed % MIB === 0, String(resumed));
    });

    it('says nothing of it with --quiet', async (test) => {
      const { run, lose } = await start(test, command);
      const cli = run('-q');
      await lose();
      assert.deepEqual(await cli.exited, { code: 0, stdout: '', stderr: '' });
    });

    it('fails at once with --retries 0, and the same command goes on', async (test) => {
      const { run, lose, folder, target } = await start(test, command);
      const cli = run('--retries', '0');
      await lose();
      assertFailed(await cli.exited, 3, 'CLOSED_EARLY');
      await until('a part that nobody writes to', async () => (await keptBytes(folder, 'file')) > 0);
      const again = await run('--retries', '5').exited;
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stdout, WERE_THERE);
      assert.ok(CONTENT.equals(await readFile(target)));
    });

    it('keeps nothing with --no-resume, and begins anew', async (test) => {
      const { run, lose, left, target } = await start(test, command);
      const cli = run('--no-resume', '--retries', '0');
      await lose({ isKept: false });
      assertFailed(await cli.exited, 3, 'CLOSED_EARLY');
      await until('an empty folder', async () => (await left()).length === 0);
      const { code, stdout } = await run('--no-resume').exited;
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, /were there/);
      assert.ok(CONTENT.equals(await readFile(target)));
    });

    it('says that it begins again when the source is not what it was', async (test) => {
      const { run, folder, left } = await start(test, command);
      await leavePart(folder, 'file', pattern(7 * MIB), { bytes: 6 * MIB });
      const cli = run();
      await cli.stderr.waitFor(
        /: cannot go on .+ the file is not the one of which 6291456 bytes .+; beginning again\n/,
      );
      cli.kill('SIGINT');
      assert.equal((await cli.exited).code, 130);
      await until('an end', async () => (await left()).length <= 1);
    });

    it('says so in an object with --json', async (test) => {
      const { run, folder, left } = await start(test, command);
      await leavePart(folder, 'file', pattern(7 * MIB), { bytes: 6 * MIB });
      const cli = run('--json');
      await cli.stdout.waitFor(/^\{"type":"waiting",.+"code":"OFFSET_MISMATCH",.+"seconds":0\}\n/);
      cli.kill('SIGINT');
      assert.equal((await cli.exited).code, 130);
      await until('an end', async () => (await left()).length <= 1);
    });

    it('says that it begins again when what was there is of another content', async (test) => {
      const { run, folder, left } = await start(test, command);
      const other = Buffer.concat([pattern(6 * MIB - 1), Buffer.alloc(CONTENT.length - 6 * MIB + 1)]);
      await leavePart(folder, 'file', other, { bytes: 6 * MIB });
      const cli = run();
      const line = command === 'get' ? /; beginning again\n/ : /; trying again in /;
      await cli.stderr.waitFor(line);
      cli.kill('SIGINT');
      assert.equal((await cli.exited).code, 130);
      assert.match(cli.stderr.text, /cannot go on where it broke off: .+ other bytes before 6291456/);
      await until('an end', async () => (await left()).length <= 1);
    });
  });

for (const command of DIRECTIONS)
  describe(`sluice ${command} that waits for a server that is gone`, () => {
    it('ends at Ctrl-C with 130, and does not wait first', async (test) => {
      const { run, lose, server } = await start(test, command);
      const cli = run('--retries', '9');
      await lose();
      server.close();
      await cli.stderr.waitFor(/; trying again in [^]*; trying again in /);
      cli.kill('SIGINT');
      const told = cli.stderr.text;
      const { code, stdout, stderr } = await cli.exited;
      assert.deepEqual([code, stdout], [130, '']);
      assert.equal(stderr, `${told}sluice: cancelled [CANCELLED]\n`);
    });

    it('says one object for each wait and one for its end with --json', async (test) => {
      const { run, lose, server } = await start(test, command);
      const cli = run('--retries', '9', '--json');
      await lose();
      server.close();
      await cli.stdout.waitFor(/"type":"waiting".+\n.*"type":"waiting".+\n/);
      cli.kill('SIGTERM');
      const { code, stdout, stderr } = await cli.exited;
      assert.deepEqual([code, stderr], [130, '']);
      assert.deepEqual(
        jsonLines(stdout).map(({ type, code }) => [type, code]),
        [
          ['waiting', 'CLOSED_EARLY'],
          ['waiting', jsonLines(stdout)[1]?.['code']],
          ['error', 'CANCELLED'],
        ],
      );
    });
  });

describe('sluice get --retries', () => {
  it('takes whole numbers from 0 on', async (test) => {
    const { run } = await start(test, 'get');
    for (const bad of ['-1', '1.5', 'many']) {
      const { code, stdout, stderr } = await run('--retries', bad).exited;
      assert.deepEqual([code, stdout], [2, ''], stderr);
    }
  });
});
