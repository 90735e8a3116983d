import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { until as everyTurn, turns } from './collect.ts';
import { type PlannedFault, TOKEN_FRAME_BYTES, startFaultProxy } from './fault-proxy.ts';
import { checkLeaks } from './leak-check.ts';
import { type RawPeer, connectRaw, rawFrame, until } from './raw-peer.ts';
import { TOKEN, openRawPort } from './raw-server.ts';

checkLeaks();

const HELLO = rawFrame('hello, server');

/** A connection through the proxy that has said its first frame, and both its ends. */
const connectThrough = async (test: TestContext, plan: readonly PlannedFault[], first = HELLO) => {
  const port = await openRawPort(test);
  const proxy = await startFaultProxy(test, port, plan);
  const near = await connectRaw(test, port.port, { host: proxy.host });
  near.write(first);
  return { proxy, near, far: await port.accept() };
};

/** How a connection ended, as its reader sees it. */
const endOf = async (peer: RawPeer): Promise<'FIN' | 'RST'> => {
  const reset = { seen: false };
  peer.socket.once('error', () => (reset.seen = true));
  await peer.rest();
  return reset.seen ? 'RST' : 'FIN';
};

describe('a fault proxy', () => {
  it('carries bytes and ends both ways as if it were not there', async (test) => {
    const { proxy, near, far } = await connectThrough(test, []);
    assert.ok(HELLO.equals(await far.bytes(HELLO.length)));
    far.write('hello, client');
    assert.equal((await near.bytes(13)).toString(), 'hello, client');
    near.write(', goodbye');
    near.socket.end();
    assert.equal((await far.rest()).toString(), ', goodbye');
    assert.equal((await near.rest()).length, 0);
    const [connection] = proxy.connections('control');
    assert.deepEqual(connection?.passed, { up: HELLO.length + 9, down: 13 });
  });

  it('passes a reset on as a reset', async (test) => {
    const { near, far } = await connectThrough(test, []);
    await far.bytes(HELLO.length);
    const end = endOf(far);
    near.reset();
    assert.equal(await end, 'RST');
  });

  it('tells a data connection by its token', async (test) => {
    const { proxy, far } = await connectThrough(test, [], rawFrame(TOKEN));
    await far.bytes(TOKEN_FRAME_BYTES);
    assert.deepEqual([proxy.connections('control').length, proxy.connections('data').length], [0, 1]);
  });

  it('lets a fault happen on the connections that it is planned for, and on no others', async (test) => {
    const fault = { type: 'corrupt' } as const;
    const { proxy, near, far } = await connectThrough(test, [
      { when: 'data', direction: 'up', at: 0, fault },
      { when: 'control', nth: 1, direction: 'up', at: 0, fault },
    ]);
    assert.ok(HELLO.equals(await far.bytes(HELLO.length)));
    const second = await connectRaw(test, near.socket.remotePort ?? 0, { host: proxy.host });
    second.write(HELLO);
    await until('two connections', () => proxy.connections('control').length === 2);
  });

  for (const at of [0, 3, 10, HELLO.length - 1])
    it(`flips a bit of byte ${at}, and of no other`, async (test) => {
      const { far } = await connectThrough(test, [
        { when: 'control', direction: 'up', at, fault: { type: 'corrupt' } },
      ]);
      const expected = Buffer.from(HELLO);
      expected[at] = (expected[at] ?? 0) ^ 1;
      assert.deepEqual(await far.bytes(HELLO.length), expected);
    });

  for (const direction of ['up', 'down'] as const)
    for (const [type, end] of [
      ['cut', 'FIN'],
      ['reset', 'RST'],
    ] as const)
      it(`shows both sides a ${end} behind byte 20 on the way ${direction}`, async (test) => {
        const { near, far, proxy } = await connectThrough(test, [
          { when: 'control', direction, at: 20, fault: { type } },
        ]);
        const ends = [endOf(near), endOf(far)];
        far.write(Buffer.alloc(1000));
        // Node may show a reset right behind bytes as an end, so only the side that gets no bytes is asked how it was.
        assert.equal(await ends[direction === 'up' ? 0 : 1], end);
        await Promise.all(ends);
        assert.equal(proxy.connections('control')[0]?.passed[direction], 20);
      });

  it('swallows words and leave-taking of both sides on a dropped connection', async (test) => {
    const { near, far, proxy } = await connectThrough(test, [
      { when: 'control', direction: 'down', at: 5, fault: { type: 'drop' } },
    ]);
    await far.bytes(HELLO.length);
    far.write('dropped here');
    assert.equal((await near.bytes(5)).toString(), 'dropp');
    near.write('is anybody there?');
    near.reset();
    await turns(200);
    assert.equal(far.socket.readableEnded || far.socket.destroyed, false);
    assert.equal(far.socket.readableLength, 0);
    assert.deepEqual(proxy.connections('control')[0]?.passed, { up: HELLO.length, down: 5 });
  });

  it('holds everything of a stopped direction until it goes on, and slows the sender meanwhile', async (test) => {
    const { near, far, proxy } = await connectThrough(test, [
      { when: 'control', direction: 'down', at: 7, fault: { type: 'stop' } },
    ]);
    await far.bytes(HELLO.length);
    const bytes = Buffer.alloc(64 * 1024 ** 2, 'x');
    far.write(bytes);
    await near.bytes(7);
    near.write('still heard');
    assert.equal((await far.bytes(11)).toString(), 'still heard');
    await turns(200);
    assert.ok(far.socket.writableLength > 0, 'the sender is done, though nobody took its bytes');
    const [connection] = proxy.connections('control');
    assert.equal(connection?.passed.down, 7);
    connection.go();
    assert.ok(bytes.subarray(7).equals(await near.bytes(bytes.length - 7)));
  });

  it('goes on by itself after a stop of some milliseconds', async (test) => {
    const { far } = await connectThrough(test, [
      { when: 'control', direction: 'up', at: 4, fault: { type: 'stop', ms: 20 } },
    ]);
    assert.ok(HELLO.equals(await far.bytes(HELLO.length)));
  });

  for (const fault of [{ type: 'delay', ms: 5 }, { type: 'trickle' }] as const)
    it(`changes no byte by a ${fault.type}`, async (test) => {
      const { near, far } = await connectThrough(test, [{ when: 'control', direction: 'up', at: 3, fault }]);
      near.write(Buffer.alloc(100, 'x'));
      assert.ok(Buffer.concat([HELLO, Buffer.alloc(100, 'x')]).equals(await far.bytes(HELLO.length + 100)));
    });

  it('trickles in pieces of one byte', async (test) => {
    const { far } = await connectThrough(test, [
      { when: 'control', direction: 'up', at: 0, fault: { type: 'trickle' } },
    ]);
    const sizes: number[] = [];
    await everyTurn(() => {
      const chunk = far.socket.read() as Buffer | null;
      if (chunk !== null) sizes.push(chunk.length);
      return sizes.reduce((sum, size) => sum + size, 0) === HELLO.length;
    });
    assert.ok(sizes.length > 1, `came in pieces of ${sizes.join()} bytes`);
  });

  it('lets a test strike at the moment of its choice', async (test) => {
    const { near, far, proxy } = await connectThrough(test, []);
    await far.bytes(HELLO.length);
    const ends = Promise.all([endOf(near), endOf(far)]);
    proxy.connections('control')[0]?.strike({ type: 'reset' });
    assert.deepEqual(await ends, ['RST', 'RST']);
  });

  it('takes its connections along when it is closed', async (test) => {
    const { near, far, proxy } = await connectThrough(test, [
      { when: 'control', direction: 'down', at: 0, fault: { type: 'stop' } },
    ]);
    far.write('nobody will read this');
    proxy.close();
    await Promise.all([near.rest(), far.rest()]);
  });
});
