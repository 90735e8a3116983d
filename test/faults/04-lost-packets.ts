import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom, tap } from 'rxjs';
import { pump, toNothing } from '../../lib/index.ts';
import { createDigest } from '../../lib/operators/digest.ts';
import { hash } from '../../lib/operators/hash.ts';
import { until } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { type FarMachine, openFarMachine } from '../helpers/netns.ts';
import { startClient } from '../helpers/server.ts';
import { outcomeOf } from './scene.ts';
import type { FaultSize } from './size.ts';

const PORT = 1234;
const DATA_PORT = 5000;
const SMALL = 1024 ** 2;
const SERVER = join(import.meta.dirname, '..', '..', 'lib', 'index.js');

type FarEvent = Readonly<Record<string, unknown>> & { readonly error?: { readonly code?: string } };

/** A server on a far machine, and what happens on it. */
const serveFar = async (test: TestContext, { run, address }: FarMachine) => {
  const root = await temporaryFolder(test);
  await writeFile(join(root, 'big'), '');
  await truncate(join(root, 'big'), 1024 ** 3);
  await writeFile(join(root, 'small'), Buffer.alloc(SMALL, 'sluice'));
  const limits = { quietMs: 1000, stallMs: 4000 };
  const dataPorts = { from: DATA_PORT, to: DATA_PORT };
  const options = { root, host: address, port: PORT, anonymous: true, dataPorts, limits };
  const script = `import { serve } from ${JSON.stringify(SERVER)};
    serve(${JSON.stringify(options)}).subscribe((event) => console.log(JSON.stringify(event)));`;
  const [file = '', ...before] = run;
  const server = spawn(file, [...before, process.execPath, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  test.after(async () => {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'close');
  });
  const events: FarEvent[] = [];
  createInterface({ input: server.stdout }).on('line', (line) => events.push(JSON.parse(line) as FarEvent));
  const event = async (type: string): Promise<FarEvent> => {
    let found: FarEvent | undefined;
    await until(() => (found = events.find((one) => one['type'] === type)) !== undefined);
    return found ?? {};
  };
  await event('listening');
  return { port: PORT, event };
};

/** A download from a far machine that has begun. */
const begin = async (test: TestContext, machine: FarMachine) => {
  const server = await serveFar(test, machine);
  const client = await startClient(test, server, { host: machine.address, stallMs: 4000 });
  const copy = join(await temporaryFolder(test), 'copy');
  const stop = new AbortController();
  const moved = { bytes: 0 };
  const content$ = client.download(['big'], copy, { signal: stop.signal });
  const outcome = outcomeOf(lastValueFrom(content$.pipe(tap(({ bytes }) => (moved.bytes = bytes)))));
  await until(() => moved.bytes > 0);
  return { server, client, outcome, stop };
};

export const faultLostPackets = ({ namespaces }: FaultSize): void => {
  if (!namespaces) return;
  describe('fault 4: half-open peer on a real network', () => {
    it('fault 4: with every packet lost, both sides end by the stall limit', async (test) => {
      const machine = openFarMachine(test);
      if (machine === undefined) return;
      const { server, outcome } = await begin(test, machine);
      machine.loseAll();
      assert.equal(await outcome, 'STALLED');
      assert.equal((await server.event('session-closed')).error?.code, 'STALLED');
    });

    it('fault 4: with the packets of the data connection lost, the session is usable and the transfer can be given up', async (test) => {
      const machine = openFarMachine(test);
      if (machine === undefined) return;
      const { server, client, outcome, stop } = await begin(test, machine);
      machine.lose(DATA_PORT);
      for (let count = 0; count < 20; count += 1) assert.ok((await client.ping()) >= 0);
      stop.abort();
      assert.equal(await outcome, 'CANCELLED');
      assert.equal((await server.event('transfer'))['outcome'], 'failed');
      assert.ok((await client.ping()) >= 0);
    });

    it('fault 20: over a cable with 100 ms of delay and 1 % of loss a download is whole', async (test) => {
      const machine = openFarMachine(test);
      if (machine === undefined) return;
      if (!machine.impair('delay 50ms loss 1%')) return test.skip('this kernel has no netem');
      const server = await serveFar(test, machine);
      const client = await startClient(test, server, { host: machine.address });
      const digest = createDigest('sha256');
      const { bytes } = await lastValueFrom(pump(client.source(['small']), hash(digest), toNothing()));
      assert.equal(bytes, SMALL);
      assert.equal(digest.finish(), await client.hash(['small'], 'sha256'));
    });
  });
};
