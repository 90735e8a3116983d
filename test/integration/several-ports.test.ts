import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { type DialectName, type ServeOptions, connectClient, serve } from '../../lib/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { freePorts, isFree } from '../helpers/free-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { connectRaw, connectRawData, contentFrames, offerOf, openSession } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';
import { startServer } from '../helpers/server.ts';

checkLeaks();

const startOnTwoPorts = async (test: TestContext, options: Partial<ServeOptions> = {}) => {
  const server = await startServer(test, { listen: [{ port: 0 }, { dialect: 'native', port: 0 }], ...options });
  const listening = server.events.flatMap((event) => (event.type === 'listening' ? [event] : []));
  const [one, other] = listening;
  assert.ok(one !== undefined && other !== undefined);
  return { server, listening, one, other };
};

describe('a server on two ports', () => {
  it('says of each that it listens, and what is spoken there', async (test) => {
    const { listening, one, other } = await startOnTwoPorts(test);
    assert.notEqual(one.port, other.port);
    assert.deepEqual(
      listening.map(({ dialect, host }) => [dialect, host]),
      [
        ['native', '127.0.0.1'],
        ['native', '127.0.0.1'],
      ],
    );
  });

  it('has one set of locks: what is uploaded through one is BUSY through the other', async (test) => {
    const { one, other } = await startOnTwoPorts(test);
    const [near, far] = [await openSession(test, one), await openSession(test, other)];
    const offer = offerOf(await near.ask({ type: 'put', id: 1, path: ['a.txt'] }));
    far.send({ type: 'put', id: 1, path: ['a.txt'] });
    await far.error('BUSY', 1);
    (await connectRawData(test, offer)).write(contentFrames('abc'));
    assert.equal((await near.message())['type'], 'completed');
    offerOf(await far.ask({ type: 'get', id: 2, path: ['a.txt'] }));
  });

  it('has one limit for the sessions of both, and numbers them together', async (test) => {
    const { server, one, other } = await startOnTwoPorts(test, { maxSessions: 2 });
    const [first] = [await openSession(test, one), await openSession(test, other)];
    for (const { port } of [one, other]) {
      const third = await connectRaw(test, port);
      third.send({ type: 'hello', version: 1, digests: ['sha256'] });
      await third.error('SERVER_FULL');
    }
    await first.ask({ type: 'quit', id: 1 });
    await server.event('session-closed');
    await openSession(test, other);
    const sessions = server.events.flatMap((event) => (event.type === 'session-opened' ? [event.session] : []));
    assert.deepEqual(sessions, [1, 2, 3]);
  });

  it('stops on both at once, after what runs on either', async (test) => {
    const stop = new AbortController();
    const { server, one, other } = await startOnTwoPorts(test, { stop: stop.signal });
    const [busy, idle] = [await openSession(test, one), await openSession(test, other)];
    const data = await connectRawData(test, offerOf(await busy.ask({ type: 'put', id: 1, path: ['a.txt'] })));
    stop.abort();
    assert.equal((await idle.message())['type'], 'bye');
    assert.equal((await idle.rest()).length, 0);
    for (const { port } of [one, other]) assert.ok(await isFree(port));
    data.write(contentFrames('abc'));
    assert.equal((await busy.message())['type'], 'bye');
    assert.equal((await busy.message())['type'], 'completed');
    await server.ended;
    assert.equal(server.events.filter(({ type }) => type === 'stopping').length, 1);
  });

  it('takes data connections for both on one port of their own', async (test) => {
    const port = await freePorts(1);
    const { one, other } = await startOnTwoPorts(test, { dataPorts: { from: port, to: port } });
    const [near, far] = [await openSession(test, one), await openSession(test, other)];
    const offers = [
      offerOf(await near.ask({ type: 'put', id: 1, path: ['1'] })),
      offerOf(await far.ask({ type: 'put', id: 1, path: ['2'] })),
    ];
    assert.deepEqual(
      offers.map((offer) => offer.port),
      [port, port],
    );
    for (const offer of offers) (await connectRawData(test, offer)).write(contentFrames('abc'));
    for (const session of [near, far]) assert.equal((await session.message())['type'], 'completed');
  });

  it('takes data connections on each of them, where they share the control port', async (test) => {
    const { server, one, other } = await startOnTwoPorts(test, { dataPorts: 'same' });
    await writeFile(join(server.root, 'a.txt'), 'abc');
    for (const { port } of [one, other]) {
      const session = await openSession(test, { port });
      const offer = offerOf(await session.ask({ type: 'get', id: 1, path: ['a.txt'] }));
      assert.equal(offer.port, port);
      assert.equal((await (await connectRawData(test, offer)).content()).content.toString(), 'abc');
    }
  });

  it('does not start when one of them is taken, and leaves nothing open', async (test) => {
    const root = await temporaryFolder(test);
    const taken = await openRawPort(test);
    const from = await freePorts(3);
    const listen = [{ port: from }, { port: taken.port }, { port: from + 1 }];
    const dataPorts = { from: from + 2, to: from + 2 };
    await assert.rejects(lastValueFrom(serve({ root, listen, dataPorts })), { code: 'LISTEN_FAILED' });
    assert.deepEqual(await Promise.all([0, 1, 2].map((index) => isFree(from + index))), [true, true, true]);
  });
});

describe('the ports of a server', () => {
  const CASES: readonly { name: string; options: Partial<ServeOptions>; message: RegExp }[] = [
    { name: 'are not given twice over', options: { port: 0, listen: [{ port: 0 }] }, message: /not with both/ },
    { name: 'are at least one', options: { listen: [] }, message: /at least one/ },
    { name: 'are port numbers', options: { listen: [{ port: 0 }, { port: 65_536 }] }, message: /65536/ },
    {
      name: 'speak what is known',
      options: { listen: [{ dialect: 'gopher' as DialectName, port: 0 }] },
      message: /one of native, .*cloud, not "gopher"/,
    },
    {
      name: 'are none of the data port',
      options: { listen: [{ port: 4000 }, { port: 4001 }], dataPorts: { from: 4001, to: 4001 } },
      message: /4001/,
    },
  ];
  for (const { name, options, message } of CASES)
    it(name, () =>
      assert.rejects(lastValueFrom(serve({ root: '.', ...options })), { code: 'OPTION_INVALID', message }),
    );
});

describe('a client', () => {
  it('says what dialects there are when it is told to speak another', () =>
    assert.rejects(connectClient({ dialect: 'gopher' as DialectName }), {
      code: 'OPTION_INVALID',
      message: /one of native, .*cloud, not "gopher"/,
    }));
});
