import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import { type ConnectClientOptions, type ServeOptions, serve } from '../../lib/index.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { freePorts, isFree } from '../helpers/free-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import {
  type RawPeer,
  connectRaw,
  connectRawData,
  contentFrames,
  isRefused,
  offerOf,
  openSession,
  sha256,
  until,
} from '../helpers/raw-peer.ts';
import { TOKEN, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

const MODES: readonly {
  name: string;
  serve: () => Promise<Partial<ServeOptions>>;
  connect?: ConnectClientOptions;
}[] = [
  { name: 'a fresh port for each transfer', serve: () => Promise.resolve({ dataPorts: 'ephemeral' }) },
  {
    name: 'a port of a range',
    serve: async () => {
      const from = await freePorts(4);
      return { dataPorts: { from, to: from + 3 } };
    },
  },
  {
    name: 'one port for all',
    serve: async () => {
      const port = await freePorts(1);
      return { dataPorts: { from: port, to: port } };
    },
  },
  { name: 'the port of the control connection', serve: () => Promise.resolve({ dataPorts: 'same' }) },
  {
    name: 'a port of the client',
    serve: () => Promise.resolve({ dataPorts: 'ephemeral' }),
    connect: { dataListener: 'client' },
  },
];

const CONTENTS = [
  { name: 'nothing', content: Buffer.alloc(0) },
  { name: 'one byte', content: Buffer.from('x') },
  { name: 'three megabytes and a bit', content: randomBytes(3 * 1024 * 1024 + 7) },
];

for (const { name, serve: serveOptions, connect } of MODES)
  describe(`data connections through ${name}`, () => {
    for (const { name: what, content } of CONTENTS)
      it(`carry ${what} up and down again`, async (test) => {
        const server = await startServer(test, await serveOptions());
        const client = await startClient(test, server, connect);
        const folder = await temporaryFolder(test);
        await writeFile(join(folder, 'up'), content);
        const sent = await lastValueFrom(client.upload(join(folder, 'up'), ['file']));
        const got = await lastValueFrom(client.download(['file'], join(folder, 'down')));
        assert.deepEqual([sent.state, sent.bytes], ['completed', content.length]);
        assert.deepEqual([got.state, got.bytes], ['completed', content.length]);
        assert.ok(content.equals(await readFile(join(server.root, 'file'))));
        assert.ok(content.equals(await readFile(join(folder, 'down'))));
        await client.quit();
      });

    it('carry a file in segments up and down again', async (test) => {
      const content = randomBytes(5 * 1024 * 1024 + 7);
      const server = await startServer(test, await serveOptions());
      const client = await startClient(test, server, connect);
      const folder = await temporaryFolder(test);
      await writeFile(join(folder, 'up'), content);
      await lastValueFrom(client.upload(join(folder, 'up'), ['file'], { segments: 6 }));
      await lastValueFrom(client.download(['file'], join(folder, 'down'), { segments: 6 }));
      assert.ok(content.equals(await readFile(join(server.root, 'file'))));
      assert.ok(content.equals(await readFile(join(folder, 'down'))));
      await client.quit();
    });

    it('serve several transfers of one session side by side', async (test) => {
      const server = await startServer(test, await serveOptions());
      const client = await startClient(test, server, connect);
      const folder = await temporaryFolder(test);
      const names = ['a', 'b', 'c', 'd'];
      for (const file of names) await writeFile(join(folder, file), file.repeat(300_000));
      await Promise.all(names.map((file) => lastValueFrom(client.upload(join(folder, file), [file]))));
      for (const file of names) assert.equal(await readFile(join(server.root, file), 'utf8'), file.repeat(300_000));
      await client.quit();
    });
  });

describe('a range of data ports', () => {
  it('is used from its first port on', async (test) => {
    const from = await freePorts(3);
    const server = await startServer(test, { dataPorts: { from, to: from + 2 } });
    const session = await openSession(test, server);
    assert.deepEqual(await offeredPorts(session, 3), [from, from + 1, from + 2]);
  });

  it('leaves out ports that are in use by others', async (test) => {
    const from = await freePorts(3);
    await openRawPort(test, { port: from + 1 });
    const server = await startServer(test, { dataPorts: { from, to: from + 2 } });
    const session = await openSession(test, server);
    assert.deepEqual(await offeredPorts(session, 2), [from, from + 2]);
  });

  it('is exhausted with LISTEN_FAILED, and a freed port serves again', async (test) => {
    const from = await freePorts(2);
    const server = await startServer(test, { dataPorts: { from, to: from + 1 } });
    const session = await openSession(test, server);
    const offer = offerOf(await session.ask({ type: 'put', id: 1, path: ['1'] }));
    offerOf(await session.ask({ type: 'put', id: 2, path: ['2'] }));
    const refusal = await session.ask({ type: 'put', id: 3, path: ['3'] });
    assert.deepEqual([refusal['type'], refusal['id'], refusal['code']], ['error', 3, 'LISTEN_FAILED']);
    assert.match(String(refusal['message']), new RegExp(`${from} to ${from + 1}`));
    const data = await connectRawData(test, offer);
    data.write(contentFrames('one'));
    assert.equal((await session.message())['type'], 'completed');
    assert.equal(offerOf(await session.ask({ type: 'put', id: 4, path: ['4'] })).port, from);
  });

  it('is refused as an option when it is none', async () => {
    for (const dataPorts of [
      { from: 0, to: 10 },
      { from: 2000, to: 1999 },
      { from: 65_000, to: 65_536 },
    ])
      await assert.rejects(lastValueFrom(serve({ root: '.', port: 0, dataPorts })), { code: 'OPTION_INVALID' });
  });

  const offeredPorts = async (session: RawPeer, count: number): Promise<number[]> => {
    const ports: number[] = [];
    for (let id = 1; id <= count; id += 1)
      ports.push(offerOf(await session.ask({ type: 'put', id, path: [String(id)] })).port);
    return ports;
  };
});

describe('one data port for all transfers', () => {
  it('is open from the start, and closed when the server ends', async (test) => {
    const { server, port } = await startWithOnePort(test);
    const other = { root: server.root, port: 0, dataPorts: { from: port, to: port } };
    await assert.rejects(lastValueFrom(serve(other)), { code: 'LISTEN_FAILED' });
    server.close();
    await until('the port to be closed', () => isFree(port));
  });

  it('that is taken lets no server start, and its control port is free again', async (test) => {
    const taken = await openRawPort(test);
    const root = await temporaryFolder(test);
    const port = await freePorts(1);
    const starting = lastValueFrom(serve({ root, port, dataPorts: { from: taken.port, to: taken.port } }));
    await assert.rejects(starting, { code: 'LISTEN_FAILED' });
    assert.ok(await isFree(port));
  });

  it('brings each connection of any session to the transfer of its token', async (test) => {
    const { server, port } = await startWithOnePort(test);
    const [one, other] = [await openSession(test, server), await openSession(test, server)];
    const first = offerOf(await one.ask({ type: 'put', id: 1, path: ['1'] }));
    const second = offerOf(await one.ask({ type: 'put', id: 2, path: ['2'] }));
    const third = offerOf(await other.ask({ type: 'put', id: 1, path: ['3'] }));
    assert.deepEqual([first.port, second.port, third.port], [port, port, port]);
    // All three are connected before the first of them sends anything.
    const peers = [];
    for (const offer of [third, first, second]) peers.push(await connectRawData(test, offer));
    for (const [index, peer] of peers.entries()) peer.write(contentFrames(['three', 'one', 'two'][index] ?? ''));
    await other.message();
    await one.message();
    await one.message();
    for (const [name, text] of Object.entries({ 1: 'one', 2: 'two', 3: 'three' }))
      assert.equal(await readFile(join(server.root, name), 'utf8'), text);
  });

  it('sends a file to whoever shows its token, though nobody else’s transfer has begun', async (test) => {
    const { server } = await startWithOnePort(test);
    await writeFile(join(server.root, 'a.txt'), 'abc');
    const session = await openSession(test, server);
    offerOf(await session.ask({ type: 'put', id: 1, path: ['never'] }));
    const data = await connectRawData(test, offerOf(await session.ask({ type: 'get', id: 2, path: ['a.txt'] })));
    assert.equal((await data.content()).content.toString(), 'abc');
  });

  it('still takes the connection of a transfer that was accepted before the server stopped', async (test) => {
    const stop = new AbortController();
    const { server, port } = await startWithOnePort(test, { stop: stop.signal });
    const session = await openSession(test, server);
    const offer = offerOf(await session.ask({ type: 'put', id: 1, path: ['late'] }));
    stop.abort();
    await server.event('stopping');
    assert.ok(await isFree(server.port));
    (await connectRawData(test, offer)).write(contentFrames('late'));
    assert.equal((await session.message())['type'], 'bye');
    assert.equal((await session.message())['type'], 'completed');
    await server.ended;
    assert.equal(await readFile(join(server.root, 'late'), 'utf8'), 'late');
    assert.ok(await isFree(port));
  });

  it('drops silent strangers after the deadline', async (test) => {
    const { port } = await startWithOnePort(test, { limits: { dataMs: 50 } });
    assert.equal((await (await connectRaw(test, port)).rest()).length, 0);
  });

  it('holds few silent strangers, takes the rightful peer beside them, and drops all with the server', async (test) => {
    const { server, port } = await startWithOnePort(test);
    const session = await openSession(test, server);
    const offer = offerOf(await session.ask({ type: 'put', id: 1, path: ['a.txt'] }));
    let dropped = 0;
    for (let index = 0; index < 100; index += 1) void (await connectRaw(test, port)).rest().then(() => (dropped += 1));
    await until('the strangers over the bound to be dropped', () => dropped === 36);
    (await connectRawData(test, offer)).write(contentFrames('mine'));
    assert.equal((await session.message())['type'], 'completed');
    server.close();
    await until('all strangers to be dropped', () => dropped === 100);
  });

  it('is not the port of the control connections', async () => {
    const serving = lastValueFrom(serve({ root: '.', port: 4000, dataPorts: { from: 4000, to: 4000 } }));
    await assert.rejects(serving, { code: 'OPTION_INVALID' });
  });

  const startWithOnePort = async (test: TestContext, options: Partial<ServeOptions> = {}) => {
    const port = await freePorts(1);
    return { server: await startServer(test, { ...options, dataPorts: { from: port, to: port } }), port };
  };
});

describe('a data port of the server’s', () => {
  it('is another one for each transfer, and closed when its peer is there', async (test) => {
    const server = await startServer(test);
    const session = await openSession(test, server);
    const first = offerOf(await session.ask({ type: 'put', id: 1, path: ['1'] }));
    const second = offerOf(await session.ask({ type: 'put', id: 2, path: ['2'] }));
    assert.equal(new Set([server.port, first.port, second.port]).size, 3);
    assert.notEqual(first.token, second.token);
    const data = await connectRawData(test, first);
    data.write(contentFrames('one'));
    await session.message();
    assert.ok(await isRefused(test, first));
  });

  it('takes only its own transfer’s token', async (test) => {
    const server = await startServer(test);
    const session = await openSession(test, server);
    const first = offerOf(await session.ask({ type: 'put', id: 1, path: ['1'] }));
    const second = offerOf(await session.ask({ type: 'put', id: 2, path: ['2'] }));
    assert.ok(await isRefused(test, { port: first.port, token: second.token }));
    const data = await connectRawData(test, second);
    data.write(contentFrames('two'));
    assert.equal((await session.message())['id'], 2);
  });

  it('that is also the control port takes the connection of any session by its token', async (test) => {
    const server = await startServer(test, { dataPorts: 'same' });
    const one = await openSession(test, server);
    const other = await openSession(test, server);
    const first = offerOf(await one.ask({ type: 'put', id: 1, path: ['1'] }));
    const second = offerOf(await other.ask({ type: 'put', id: 1, path: ['2'] }));
    assert.deepEqual([first.port, second.port], [server.port, server.port]);
    (await connectRawData(test, second)).write(contentFrames('two'));
    (await connectRawData(test, first)).write(contentFrames('one'));
    assert.equal((await one.message())['type'], 'completed');
    assert.equal((await other.message())['type'], 'completed');
    assert.equal(await readFile(join(server.root, '1'), 'utf8'), 'one');
    assert.equal(await readFile(join(server.root, '2'), 'utf8'), 'two');
  });
});

describe('a data port of the client’s', () => {
  it('is dialled by the server, which shows the client’s token first', async (test) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'a.txt'), 'abc');
    const { port, accept } = await dataPort(test);
    const session = await openSession(test, server);
    session.send({ type: 'get', id: 1, path: ['a.txt'], data: { port, token: TOKEN } });
    const accepted = await session.message();
    assert.deepEqual([accepted['type'], accepted['port'], accepted['token']], ['accepted', undefined, undefined]);
    const data = await accept();
    assert.equal((await data.frame()).toString(), TOKEN);
    assert.deepEqual(await data.content(), {
      content: Buffer.from('abc'),
      trailer: { bytes: 3, digest: sha256('abc') },
    });
  });

  for (const port of [1, 22, 1023])
    it(`is refused when it is ${port}`, async (test) => {
      const server = await startServer(test);
      await writeFile(join(server.root, 'a.txt'), 'abc');
      const session = await openSession(test, server);
      const data = { port, token: TOKEN };
      session.send({ type: 'get', id: 1, path: ['a.txt'], data });
      await session.error('PERMISSION_DENIED', 1);
      session.send({ type: 'put', id: 2, path: ['b.txt'], data });
      await session.error('PERMISSION_DENIED', 2);
      assert.deepEqual(await session.ask({ type: 'ping', id: 3 }), { type: 'pong', id: 3 });
    });

  for (const port of [0, 65_536, -1, 1.5, '4000'])
    it(`is no port when it is ${JSON.stringify(port)}`, async (test) => {
      const session = await openSession(test, await startServer(test));
      session.send({ type: 'put', id: 1, path: ['a.txt'], data: { port, token: TOKEN } });
      await session.error('MESSAGE_INVALID', 1);
    });

  it('is no other machine’s, whatever the request says', async (test) => {
    const server = await startServer(test);
    const elsewhere = await openRawPort(test, { host: '127.0.0.2' });
    const { port, accept } = await dataPort(test, elsewhere.port);
    const session = await openSession(test, server);
    const data = { port, token: TOKEN, host: '127.0.0.2', address: '127.0.0.2' };
    session.send({ type: 'put', id: 1, path: ['a.txt'], data });
    await session.message();
    assert.equal((await (await accept()).frame()).toString(), TOKEN);
    assert.equal(elsewhere.connections, 0);
  });

  it('takes no part in a transfer when a stranger gets there first', async (test) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'a.txt'), 'abc');
    const folder = await temporaryFolder(test);
    // What stands between client and server sees the client's port, as a stranger on its machine could.
    const between = await openRawPort(test);
    const client = startClient(test, between, { dataListener: 'client' });
    const near = await between.accept();
    const far = await openSession(test, server);
    await near.message();
    near.send({
      type: 'hello',
      version: 1,
      digest: 'sha256',
      login: 'none',
      limits: { controlFrame: 65_536, dataFrame: 1_048_576, commands: 64, page: 1000, transfers: 16 },
    });
    const download = lastValueFrom((await client).download(['a.txt'], join(folder, 'a.txt')));
    const request = await near.message();
    const { port } = request['data'] as { port: number };
    assert.ok(await isRefused(test, { port, token: '00'.repeat(32) }));
    near.send(await far.ask(request));
    far.send(await near.message());
    near.send(await far.message());
    assert.equal((await download).state, 'completed');
    assert.equal(await readFile(join(folder, 'a.txt'), 'utf8'), 'abc');
    assert.deepEqual(await readdir(folder), ['a.txt']);
  });

  const dataPort = async (test: TestContext, port = 0) => {
    const opened = await openRawPort(test, { port });
    return { port: opened.port, accept: () => opened.accept() };
  };
});
