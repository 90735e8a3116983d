import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { fromChunks, pump } from '../../lib/index.ts';
import { until } from '../helpers/collect.ts';
import { GatedSink } from '../helpers/gated-sink.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { startClient, startServer } from '../helpers/server.ts';
import { fileEntry, stubPart, stubStore } from '../helpers/stub-store.ts';

checkLeaks();

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const STOP_AT = 100 * MIB;

// What may be between a source and a stopped sink: a valve's 2 MiB and one read at each end, and the kernel's socket
// buffers, which some systems let grow to 36 MiB (`tcp_wmem`, `tcp_rmem`).
const BOUND = 48 * MIB;

/** 1 GiB out of one piece of memory, and how much of it was taken. */
const countedChunks = () => {
  const chunk = Buffer.alloc(256 * 1024, 'sluice');
  const taken = { bytes: 0 };
  const chunks = function* () {
    for (; taken.bytes < GIB; taken.bytes += chunk.length) yield chunk;
  };
  return { taken, content: fromChunks(chunks()) };
};

/** Waits until nothing moves any more between the two counters. */
const standstill = async (count: () => number): Promise<void> => {
  for (let quiet = 0, last = -1; quiet < 25;) {
    quiet = count() === last ? quiet + 1 : 0;
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** Stops the sink on the way, looks at what is held, and lets it go on to the end. */
const stopAndGo = async (gate: GatedSink, taken: { readonly bytes: number }, done: Promise<unknown>): Promise<void> => {
  await until(() => gate.received > STOP_AT);
  gate.stop();
  await standstill(() => taken.bytes);
  const held = taken.bytes - gate.received;
  assert.ok(taken.bytes < GIB, 'the source was read to its end although nobody took the bytes');
  assert.ok(held < BOUND, `${held} bytes were on the way`);
  gate.go();
  await done;
  assert.equal(gate.received, GIB);
};

describe('a transfer of 1 GiB', () => {
  it('holds a bounded number of bytes in a pipeline while the sink is stopped, and goes on', async () => {
    const { taken, content } = countedChunks();
    const gate = new GatedSink();
    await stopAndGo(gate, taken, lastValueFrom(pump(content, gate.sink)));
  });

  it('pauses the uploading client while the disk of the server is stopped, and goes on', async (test) => {
    const { taken, content } = countedChunks();
    const gate = new GatedSink();
    const server = await startServer(test, { store: stubStore({ begin: () => Promise.resolve(stubPart(gate.sink)) }) });
    const client = await startClient(test, server);
    await stopAndGo(gate, taken, lastValueFrom(pump(content, client.sink(['big']))));
  });

  it('pauses the reading server while the downloading client is stopped, and goes on', async (test) => {
    const { taken, content } = countedChunks();
    const gate = new GatedSink();
    const file = { entry: fileEntry('big', GIB), content: () => content, close: () => Promise.resolve() };
    const server = await startServer(test, { store: stubStore({ open: () => Promise.resolve(file) }) });
    const client = await startClient(test, server);
    await stopAndGo(gate, taken, lastValueFrom(pump(client.source(['big']), gate.sink)));
    assert.equal((await server.event('transfer')).bytes, GIB);
  });

  it('answers on the control connection while the content stands still', async (test) => {
    const { content } = countedChunks();
    const gate = new GatedSink();
    gate.stop();
    const file = { entry: fileEntry('big', GIB), content: () => content, close: () => Promise.resolve() };
    const server = await startServer(test, { store: stubStore({ open: () => Promise.resolve(file) }) });
    const client = await startClient(test, server);
    const running = pump(client.source(['big']), gate.sink).subscribe({ error: () => undefined });
    await until(() => gate.received > 0);
    assert.ok((await client.ping()) >= 0);
    running.unsubscribe();
    assert.equal((await server.event('transfer')).outcome, 'failed');
  });
});
