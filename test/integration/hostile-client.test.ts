import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalFolderStore, type ServeOptions, type Store } from '../../lib/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { freePorts } from '../helpers/free-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import {
  type RawPeer,
  connectRaw,
  connectRawData,
  contentFrames,
  isRefused,
  messageFrame,
  offerOf,
  openSession,
  rawFrame,
  sha256,
  until,
} from '../helpers/raw-peer.ts';
import { type TestServer, startServer } from '../helpers/server.ts';

checkLeaks();

const assertServes = async (test: TestContext, server: TestServer): Promise<void> => {
  const session = await openSession(test, server);
  assert.deepEqual(await session.ask({ type: 'ping', id: 1 }), { type: 'pong', id: 1 });
  assert.deepEqual(await session.ask({ type: 'quit', id: 2 }), { type: 'done', id: 2 });
  await session.rest();
};

/** Soon after a failed transfer, nothing of it is left. */
const assertEmpty = (server: TestServer): Promise<void> =>
  until('an empty folder', async () => (await readdir(server.root)).length === 0);

/** Every session that began has ended, and nothing of an unfinished transfer is left in the folder. */
const assertNothingLeft = async (server: TestServer, files: readonly string[] = []): Promise<void> => {
  const count = (type: string) => server.events.filter((event) => event.type === type).length;
  await until('the end of every session', () => count('session-opened') === count('session-closed'));
  await until('a clean folder', async () => (await readdir(server.root)).sort().join() === [...files].sort().join());
};

const transferOf = async (server: TestServer) => {
  const { outcome, error } = await server.event('transfer');
  return { outcome, code: error?.code };
};

const BIG = randomBytes(8 * 1024 * 1024);

/** A put up to some first bytes on its data connection. */
const beginPut = async (test: TestContext, about: object, bytes: string | Buffer) => {
  const server = await startServer(test);
  const peer = await openSession(test, server);
  const request = { type: 'put', id: 1, path: ['a.txt'], ...about };
  const data = await connectRawData(test, offerOf(await peer.ask(request)));
  data.write(bytes);
  return { server, peer, data };
};

describe('a server whose client breaks the framing', () => {
  const OPENINGS = [
    { name: 'another protocol', bytes: 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', code: 'FRAME_HEADER_INVALID' },
    { name: 'a TLS handshake', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01', code: 'FRAME_HEADER_INVALID' },
    { name: 'a length with a sign', bytes: '-000000001', code: 'FRAME_HEADER_INVALID' },
    { name: 'a length with a blank', bytes: '        12', code: 'FRAME_HEADER_INVALID' },
    { name: 'a hexadecimal length', bytes: '0x0000000a', code: 'FRAME_HEADER_INVALID' },
    { name: 'one byte that is no digit', bytes: '\0', code: 'FRAME_HEADER_INVALID' },
    { name: 'a frame one byte too long', bytes: '0000004097', code: 'FRAME_TOO_LARGE' },
    { name: 'the longest frame there is', bytes: '9999999999', code: 'FRAME_TOO_LARGE' },
    { name: 'a header that is too large already when half of it is there', bytes: '9999', code: 'FRAME_TOO_LARGE' },
  ];
  for (const { name, bytes, code } of OPENINGS)
    it(`refuses ${name} before any payload came`, async (test) => {
      const server = await startServer(test);
      const peer = await connectRaw(test, server.port);
      peer.write(Buffer.from(bytes, 'latin1'));
      await peer.error(code);
      assert.equal((await peer.rest()).length, 0);
      assert.equal((await server.event('turned-away')).error.code, code);
      await assertServes(test, server);
    });

  for (const { name, bytes, code } of [
    { name: 'garbage', bytes: 'ftp> quit\n', code: 'FRAME_HEADER_INVALID' },
    { name: 'a frame one byte too long', bytes: '0000065537', code: 'FRAME_TOO_LARGE' },
  ])
    it(`ends a session at ${name}`, async (test) => {
      const server = await startServer(test);
      const peer = await openSession(test, server);
      peer.write(bytes);
      await peer.error(code);
      assert.equal((await peer.rest()).length, 0);
      assert.equal((await server.event('session-closed')).error?.code, code);
      await assertServes(test, server);
    });

  it('takes the longest control frame that is allowed', async (test) => {
    const peer = await openSession(test, await startServer(test));
    const text = JSON.stringify({ type: 'ping', id: 1, padding: '' });
    const padding = 'x'.repeat(65_536 - text.length);
    assert.deepEqual(await peer.ask({ type: 'ping', id: 1, padding }), { type: 'pong', id: 1 });
  });

  for (const bytes of ['', '00000', '0000000050', '0000000050{"type":"hel'])
    it(`forgets a client that leaves after ${JSON.stringify(bytes)}`, async (test) => {
      const server = await startServer(test);
      const peer = await connectRaw(test, server.port);
      if (bytes !== '') peer.write(bytes);
      peer.socket.end();
      assert.equal((await peer.rest()).length, 0);
      assert.equal((await server.event('turned-away')).error.code, 'CLOSED_EARLY');
      await assertServes(test, server);
    });

  it('ends a session that stops inside a frame', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    peer.write('0000000050{"type":"pi');
    peer.socket.end();
    await peer.rest();
    assert.equal((await server.event('session-closed')).error?.code, 'FRAME_TRUNCATED');
    await assertServes(test, server);
  });
});

describe('a server whose client says nothing', () => {
  it('turns it away when the time for the hello is over', async (test) => {
    const server = await startServer(test, { limits: { helloMs: 50 } });
    const peer = await connectRaw(test, server.port);
    await peer.error('HELLO_TIMEOUT');
    assert.equal((await peer.rest()).length, 0);
    await assertServes(test, server);
  });

  it('gives no more time to one that drips its hello', async (test) => {
    const server = await startServer(test, { limits: { helloMs: 100 } });
    const peer = await connectRaw(test, server.port);
    peer.write('0000000500');
    const drip = setInterval(() => peer.write(' '), 5);
    await peer.error('HELLO_TIMEOUT').finally(() => clearInterval(drip));
    assert.equal((await server.event('turned-away')).error.code, 'HELLO_TIMEOUT');
  });

  it('ends an idle session with a reason', async (test) => {
    const server = await startServer(test, { limits: { idleMs: 50 } });
    const peer = await openSession(test, server);
    await peer.error('IDLE_TIMEOUT');
    assert.equal((await peer.rest()).length, 0);
    assert.equal((await server.event('session-closed')).error?.code, 'IDLE_TIMEOUT');
  });
});

describe('a server whose client sends strange messages', () => {
  const SURVIVED = [
    { name: 'a field called __proto__', text: '{"type":"ping","id":7,"__proto__":{"id":1,"path":[]}}', type: 'pong' },
    { name: 'a field called constructor', text: '{"type":"ping","id":7,"constructor":{"prototype":1}}', type: 'pong' },
    { name: 'a number beyond every size', text: '{"type":"put","id":7,"path":["a"],"size":1e999}', type: 'error' },
    { name: 'a size that is no safe integer', text: '{"type":"put","id":7,"path":["a"],"size":1e17}', type: 'error' },
    { name: 'a negative size', text: '{"type":"put","id":7,"path":["a"],"size":-1}', type: 'error' },
    { name: 'a time beyond every date', text: '{"type":"put","id":7,"path":["a"],"modified":1e300}', type: 'error' },
    { name: 'a path of objects', text: '{"type":"stat","id":7,"path":[{"toString":"x"}]}', type: 'error' },
    { name: 'a path that is a text', text: '{"type":"stat","id":7,"path":"etc/passwd"}', type: 'error' },
    { name: 'a path of 300 names', text: `{"type":"stat","id":7,"path":[${'"a",'.repeat(299)}"a"]}`, type: 'error' },
    { name: 'a cursor that nobody gave', text: '{"type":"list","id":7,"path":[],"cursor":"1"}', type: 'error' },
    {
      name: 'thirty thousand brackets',
      text: `{"type":"ping","id":7,"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
      type: 'pong',
    },
  ];
  for (const { name, text, type } of SURVIVED)
    it(`answers ${name} with ${type} and goes on`, async (test) => {
      const peer = await openSession(test, await startServer(test));
      peer.write(rawFrame(text));
      const reply = await peer.message();
      assert.deepEqual([reply['type'], reply['id']], [type, 7]);
      assert.deepEqual(await peer.ask({ type: 'ping', id: 8 }), { type: 'pong', id: 8 });
      assert.equal(({} as Record<string, unknown>)['path'], undefined);
    });

  const ENDED = [
    { name: 'no JSON', text: '{"type":"ping"', code: 'MESSAGE_INVALID' },
    { name: 'nothing', text: '', code: 'MESSAGE_INVALID' },
    { name: 'null', text: 'null', code: 'MESSAGE_INVALID' },
    { name: 'a list', text: '[{"type":"ping","id":1}]', code: 'MESSAGE_INVALID' },
    { name: 'no id', text: '{"type":"ping"}', code: 'MESSAGE_INVALID' },
    { name: 'an id of 0', text: '{"type":"ping","id":0}', code: 'MESSAGE_INVALID' },
    { name: 'an id that is no safe integer', text: '{"type":"ping","id":9007199254740993}', code: 'MESSAGE_INVALID' },
    { name: 'an id inside __proto__', text: '{"type":"ping","__proto__":{"id":1}}', code: 'MESSAGE_INVALID' },
    { name: 'half a million brackets', text: '['.repeat(65_536), code: 'MESSAGE_INVALID' },
    { name: 'a second hello', text: '{"type":"hello","version":1,"digests":["sha256"]}', code: 'MESSAGE_UNKNOWN' },
  ];
  for (const { name, text, code } of ENDED)
    it(`ends the session at a message that is ${name}`, async (test) => {
      const server = await startServer(test);
      const peer = await openSession(test, server);
      peer.write(rawFrame(text));
      await peer.error(code);
      assert.equal((await peer.rest()).length, 0);
      await assertServes(test, server);
    });

  it('answers the second of two running requests with the same id with an error', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    const offer = offerOf(await peer.ask({ type: 'put', id: 5, path: ['a.txt'] }));
    peer.send({ type: 'ping', id: 5 });
    await peer.error('STATE_UNEXPECTED', 5);
    const data = await connectRawData(test, offer);
    data.write(contentFrames('still fine'));
    assert.equal((await peer.message())['type'], 'completed');
    assert.deepEqual(await peer.ask({ type: 'ping', id: 5 }), { type: 'pong', id: 5 });
  });

  it('overlooks signals for requests that are not running', async (test) => {
    const peer = await openSession(test, await startServer(test));
    peer.send({ type: 'abort', id: 3 });
    peer.send({ type: 'receipt', id: 4, bytes: 0, digest: sha256('') });
    peer.send({ type: 'pong', id: 5 });
    assert.deepEqual(await peer.ask({ type: 'ping', id: 6 }), { type: 'pong', id: 6 });
  });

  it('fails a transfer once when its receipt is not valid', async (test) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'a.txt'), 'some text');
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'get', id: 1, path: ['a.txt'] })));
    const { trailer } = await data.content();
    peer.send({ type: 'receipt', id: 1, bytes: 9, digest: 'not a digest' });
    await peer.error('MESSAGE_INVALID', 1);
    peer.send({ type: 'receipt', id: 1, ...trailer });
    assert.deepEqual(await peer.ask({ type: 'ping', id: 2 }), { type: 'pong', id: 2 });
    assert.deepEqual(await transferOf(server), { outcome: 'failed', code: 'MESSAGE_INVALID' });
  });
});

describe('a server whose client sends more than it reads', () => {
  it('answers 100 000 pings in order once they are read, and serves others meanwhile', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    const batches = (type: string) =>
      Array.from({ length: 100 }, (_, batch) =>
        Buffer.concat(Array.from({ length: 1000 }, (_, index) => messageFrame({ type, id: batch * 1000 + index + 1 }))),
      );
    for (const pings of batches('ping')) peer.write(pings);
    await assertServes(test, server);
    for (const pongs of batches('pong')) assert.ok(pongs.equals(await peer.bytes(pongs.length)));
  });

  it('reads no further while as many requests run as it runs at once', async (test) => {
    const folder = await LocalFolderStore.open(await temporaryFolder(test));
    let running = 0;
    let most = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const store: Store = Object.assign(Object.create(folder) as LocalFolderStore, {
      space: async () => {
        most = Math.max(most, (running += 1));
        await gate;
        running -= 1;
        return { free: 1, total: 2 };
      },
    });
    const server = await startServer(test, { store, maxTransfers: 4, limits: { commands: 8 } });
    const peer = await openSession(test, server);
    const padding = 'x'.repeat(10_000);
    const count = 3000;
    for (let id = 1; id <= count; id += 1) peer.send({ type: 'space', id, padding });
    await until('eight running requests', () => running === 8);
    for (let round = 0; round < 20; round += 1) await assertServes(test, server);
    assert.equal(most, 8);
    assert.ok(peer.socket.writableLength > count * 3000, 'most of what was sent waits at its sender');
    release();
    for (let id = 1; id <= count; id += 1) assert.equal((await peer.message())['type'], 'space');
    assert.equal(most, 8);
  });

  it('begins nothing more for a client that has gone', async (test) => {
    let begun = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const folder = await LocalFolderStore.open(await temporaryFolder(test));
    const store: Store = Object.assign(Object.create(folder) as LocalFolderStore, {
      space: async () => {
        begun += 1;
        await gate;
        return { free: 1, total: 2 };
      },
    });
    const server = await startServer(test, { store, maxTransfers: 4, limits: { commands: 8 } });
    const peer = await openSession(test, server);
    peer.write(Buffer.concat(Array.from({ length: 1000 }, (_, id) => messageFrame({ type: 'space', id: id + 1 }))));
    await until('eight running requests', () => begun === 8);
    peer.reset();
    release();
    await server.event('session-closed');
    await assertServes(test, server);
    assert.equal(begun, 8);
  });

  it('refuses more transfers at a time than a session may have, and nothing else', async (test) => {
    const server = await startServer(test, { maxTransfers: 2 });
    const peer = await openSession(test, server);
    const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['1'] }));
    offerOf(await peer.ask({ type: 'put', id: 2, path: ['2'] }));
    peer.send({ type: 'put', id: 3, path: ['3'] });
    await peer.error('TOO_MANY_TRANSFERS', 3);
    (await connectRawData(test, offer)).write(contentFrames('one'));
    assert.equal((await peer.message())['type'], 'completed');
    offerOf(await peer.ask({ type: 'put', id: 4, path: ['4'] }));
  });

  it('refuses more sessions than it may have, and says why', async (test) => {
    const server = await startServer(test, { maxSessions: 2 });
    const [first] = [await openSession(test, server), await openSession(test, server)];
    const third = await connectRaw(test, server.port);
    third.send({ type: 'hello', version: 1, digests: ['sha256'] });
    await third.error('SERVER_FULL');
    await first.ask({ type: 'quit', id: 1 });
    await server.event('session-closed');
    await assertServes(test, server);
  });
});

const DATA_PORTS: readonly { name: string; dataPorts: () => Promise<ServeOptions['dataPorts'] & {}> }[] = [
  { name: 'ephemeral', dataPorts: () => Promise.resolve('ephemeral') },
  {
    name: 'one port',
    dataPorts: async () => {
      const port = await freePorts(1);
      return { from: port, to: port };
    },
  },
  { name: 'same', dataPorts: () => Promise.resolve('same') },
];

describe('a server with strangers at its data port', () => {
  const KNOCKS = [
    { name: 'a wrong token', bytes: rawFrame('00'.repeat(32)) },
    { name: 'a token that is too short', bytes: rawFrame('00') },
    { name: 'an empty frame', bytes: rawFrame('') },
    { name: 'a frame that is too long', bytes: '0000004097' },
    { name: 'garbage', bytes: 'SSH-2.0-OpenSSH\r\n' },
  ];
  for (const mode of DATA_PORTS)
    for (const { name, bytes } of KNOCKS)
      it(`turns away ${name} and still takes the rightful peer (${mode.name})`, async (test) => {
        const server = await startServer(test, { dataPorts: await mode.dataPorts() });
        const peer = await openSession(test, server);
        const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] }));
        const stranger = await connectRaw(test, offer.port);
        stranger.write(bytes);
        await stranger.rest();
        const data = await connectRawData(test, offer);
        data.write(contentFrames('mine'));
        assert.equal((await peer.message())['type'], 'completed');
        assert.equal(await readFile(join(server.root, 'a.txt'), 'utf8'), 'mine');
        await assertServes(test, server);
      });

  for (const mode of DATA_PORTS) {
    it(`takes a token once (${mode.name})`, async (test) => {
      const server = await startServer(test, { dataPorts: await mode.dataPorts() });
      const peer = await openSession(test, server);
      const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] }));
      const data = await connectRawData(test, offer);
      data.write(rawFrame('first half, '));
      // The first connection is taken when the second comes: only then is it clear who was first.
      await until('the first connection to be taken', () => isRefused(test, { ...offer, token: '00'.repeat(32) }));
      assert.ok(await isRefused(test, offer));
      data.write(contentFrames('second half', { bytes: 23, digest: sha256('first half, second half') }));
      assert.equal((await peer.message())['type'], 'completed');
      assert.equal(await readFile(join(server.root, 'a.txt'), 'utf8'), 'first half, second half');
    });

    it(`takes no token that comes late (${mode.name})`, async (test) => {
      const server = await startServer(test, { dataPorts: await mode.dataPorts(), limits: { dataMs: 50 } });
      const peer = await openSession(test, server);
      const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] }));
      await peer.error('DATA_TIMEOUT', 1);
      assert.ok(await isRefused(test, offer));
      await assertEmpty(server);
      await assertServes(test, server);
    });

    it(`takes no token of a transfer that was aborted (${mode.name})`, async (test) => {
      const server = await startServer(test, { dataPorts: await mode.dataPorts() });
      const peer = await openSession(test, server);
      const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] }));
      peer.send({ type: 'abort', id: 1 });
      await peer.error('CANCELLED', 1);
      assert.ok(await isRefused(test, offer));
      await assertServes(test, server);
    });
  }

  it('takes the rightful peer though a crowd of silent strangers came first, and holds few of them', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] }));
    const crowd: RawPeer[] = [];
    for (let index = 0; index < 100; index += 1) crowd.push(await connectRaw(test, offer.port));
    let dropped = 0;
    for (const stranger of crowd) void stranger.rest().then(() => (dropped += 1));
    await until('the strangers over the bound to be dropped', () => dropped === 36);
    const data = await connectRawData(test, offer);
    data.write(contentFrames('mine'));
    assert.equal((await peer.message())['type'], 'completed');
    await until('all strangers to be dropped', () => dropped === 100);
    await assertServes(test, server);
  });

  it('dials no privileged port and sends nobody a text of the client’s choice', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    peer.send({ type: 'put', id: 1, path: ['a'], data: { port: 22, token: 'ab'.repeat(32) } });
    await peer.error('PERMISSION_DENIED', 1);
    const token = 'MAIL FROM:<a@example.org>\r\n'.padEnd(64, 'x');
    peer.send({ type: 'put', id: 2, path: ['a'], data: { port: 2525, token } });
    await peer.error('MESSAGE_INVALID', 2);
    await assertServes(test, server);
  });
});

describe('a server whose client lies about content', () => {
  const LIES = [
    { name: 'a trailer of another size', bytes: contentFrames('abc', { bytes: 4 }), code: 'SIZE_MISMATCH' },
    { name: 'another digest', bytes: contentFrames('abc', { digest: sha256('abd') }), code: 'DIGEST_MISMATCH' },
    { name: 'a trailer that is no JSON', bytes: '00000000000000000001{', code: 'MESSAGE_INVALID' },
    { name: 'a digest in capitals', bytes: contentFrames('', { digest: 'AB'.repeat(32) }), code: 'MESSAGE_INVALID' },
    { name: 'no trailer after the end', bytes: '00000000000000000000', code: 'STATE_UNEXPECTED' },
    { name: 'a trailer that is too long', bytes: '00000000000000004097', code: 'FRAME_TOO_LARGE' },
    { name: 'a frame of content that is too long', bytes: '0001048577', code: 'FRAME_TOO_LARGE' },
    { name: 'no frame', bytes: 'just some text', code: 'FRAME_HEADER_INVALID' },
    { name: 'more than announced', about: { size: 2 }, bytes: contentFrames('abc'), code: 'SIZE_MISMATCH' },
    { name: 'less than announced', about: { size: 4 }, bytes: contentFrames('abc'), code: 'SIZE_MISMATCH' },
  ];
  for (const { name, about = {}, bytes, code } of LIES)
    it(`keeps nothing of a put with ${name}`, async (test) => {
      const { server, peer } = await beginPut(test, about, bytes);
      await peer.error(code, 1);
      assert.deepEqual(await transferOf(server), { outcome: 'failed', code });
      await assertEmpty(server);
      assert.deepEqual(await peer.ask({ type: 'ping', id: 2 }), { type: 'pong', id: 2 });
      await assertServes(test, server);
    });

  it('leaves the old file as it is when the new one is a lie', async (test) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'a.txt'), 'old');
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] })));
    data.write(contentFrames('new', { digest: sha256('something else') }));
    await peer.error('DIGEST_MISMATCH', 1);
    assert.equal(await readFile(join(server.root, 'a.txt'), 'utf8'), 'old');
  });

  it('fails a get whose receipt lies about the size', async (test) => {
    const { server, peer, trailer } = await get(test);
    peer.send({ type: 'receipt', id: 1, ...trailer, bytes: 4 });
    await peer.error('SIZE_MISMATCH', 1);
    assert.deepEqual(await transferOf(server), { outcome: 'failed', code: 'SIZE_MISMATCH' });
  });

  it('fails a get whose receipt lies about the digest', async (test) => {
    const { server, peer, trailer } = await get(test);
    peer.send({ type: 'receipt', id: 1, ...trailer, digest: sha256('else') });
    await peer.error('DIGEST_MISMATCH', 1);
    assert.deepEqual(await transferOf(server), { outcome: 'failed', code: 'DIGEST_MISMATCH' });
  });

  it('fails a get whose client has received it and says no receipt but goodbye', async (test) => {
    const { server, peer } = await get(test);
    await peer.ask({ type: 'quit', id: 2 });
    assert.deepEqual(await transferOf(server), { outcome: 'failed', code: 'CANCELLED' });
  });

  const get = async (test: TestContext) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'a.txt'), 'abc');
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'get', id: 1, path: ['a.txt'] })));
    return { server, peer, ...(await data.content()) };
  };
});

describe('a server whose client vanishes', () => {
  // Each step goes one further than the one before; after the last one named, both connections are reset.
  const PUT_STEPS = ['connect', 'half a hello', 'hello', 'request', 'accepted', 'token', 'content', 'trailer'] as const;
  for (const last of PUT_STEPS)
    it(`survives a reset after the ${last} of a put`, async (test) => {
      const server = await startServer(test);
      const peers: RawPeer[] = [];
      const reaches = (step: (typeof PUT_STEPS)[number]) => PUT_STEPS.indexOf(step) <= PUT_STEPS.indexOf(last);
      const peer = await connectRaw(test, server.port);
      peers.push(peer);
      const hello = messageFrame({ type: 'hello', version: 1, digests: ['sha256'] });
      if (reaches('half a hello')) peer.write(hello.subarray(0, 20));
      if (reaches('hello')) {
        peer.write(hello.subarray(20));
        await peer.message();
      }
      if (reaches('request')) peer.send({ type: 'put', id: 1, path: ['a.txt'] });
      if (reaches('accepted')) {
        const offer = offerOf(await peer.message());
        if (reaches('token')) {
          const data = await connectRawData(test, offer);
          peers.push(data);
          if (reaches('content')) data.write(rawFrame(BIG.subarray(0, 1_000_000)));
          if (reaches('trailer')) data.write(contentFrames('').subarray(0, 30));
        }
      }
      for (const connection of peers) connection.reset();
      await assertServes(test, server);
      await assertNothingLeft(server);
    });

  const GET_STEPS = ['request', 'accepted', 'token', 'first bytes', 'trailer'] as const;
  for (const last of GET_STEPS)
    it(`survives a reset after the ${last} of a get`, async (test) => {
      const server = await startServer(test);
      await writeFile(join(server.root, 'big.bin'), BIG);
      const reaches = (step: (typeof GET_STEPS)[number]) => GET_STEPS.indexOf(step) <= GET_STEPS.indexOf(last);
      const peer = await openSession(test, server);
      const peers = [peer];
      peer.send({ type: 'get', id: 1, path: ['big.bin'] });
      if (reaches('accepted')) {
        const offer = offerOf(await peer.message());
        if (reaches('token')) {
          const data = await connectRawData(test, offer);
          peers.push(data);
          if (reaches('first bytes')) await data.bytes(10_000);
          if (reaches('trailer')) await data.rest();
        }
      }
      for (const connection of peers) connection.reset();
      await assertServes(test, server);
      await assertNothingLeft(server, ['big.bin']);
      const reports = server.events.filter(({ type }) => type === 'transfer');
      assert.ok(reports.every((event) => event.type === 'transfer' && event.outcome === 'failed'));
    });

  it('closes the data connection of a session that is gone', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'put', id: 1, path: ['a.txt'] })));
    data.write(rawFrame('some content'));
    await sleep(20);
    peer.socket.end();
    await data.rest();
    await assertNothingLeft(server);
    assert.deepEqual(await transferOf(server), { outcome: 'failed', code: 'CLOSED_EARLY' });
  });

  it('frees the lock of a put whose session is gone', async (test) => {
    const server = await startServer(test);
    const first = await openSession(test, server);
    offerOf(await first.ask({ type: 'put', id: 1, path: ['a.txt'] }));
    const second = await openSession(test, server);
    second.send({ type: 'put', id: 1, path: ['a.txt'] });
    await second.error('BUSY', 1);
    first.reset();
    await server.event('session-closed');
    offerOf(await second.ask({ type: 'put', id: 2, path: ['a.txt'] }));
  });
});

// The server waits for the client's own word on a lost data connection, so these take their time, side by side.
describe('a server whose client loses a data connection and does not say so', { concurrency: true }, () => {
  it('keeps nothing of a put whose data connection stops in the middle', async (test) => {
    const { server, peer, data } = await beginPut(test, {}, rawFrame(Buffer.alloc(100_000)));
    data.socket.end();
    await peer.error('CLOSED_EARLY', 1);
    await assertEmpty(server);
    assert.deepEqual(await peer.ask({ type: 'ping', id: 2 }), { type: 'pong', id: 2 });
  });

  it('keeps nothing of a put whose data connection ends before its trailer', async (test) => {
    const { server, peer, data } = await beginPut(test, {}, Buffer.concat([rawFrame('whole content'), rawFrame('')]));
    data.socket.end();
    await peer.error('CLOSED_EARLY', 1);
    await assertEmpty(server);
  });

  it('fails a get whose data connection vanishes, and goes on with the session', async (test) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'big.bin'), BIG);
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'get', id: 1, path: ['big.bin'] })));
    await data.bytes(10_000);
    data.reset();
    const { type, id } = await peer.message();
    assert.deepEqual([type, id], ['error', 1]);
    assert.equal((await transferOf(server)).outcome, 'failed');
    assert.deepEqual(await peer.ask({ type: 'ping', id: 2 }), { type: 'pong', id: 2 });
  });
});
