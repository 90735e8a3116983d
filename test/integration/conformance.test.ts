import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { lastValueFrom, toArray } from 'rxjs';
import { DEFAULT_LIMITS, type ConversationLimits } from '../../lib/dialects/limits.ts';
import {
  decodeClientMessage,
  decodeHello,
  decodeServerMessage,
  decodeTrailer,
  decodeTreeHeader,
  decodeWelcome,
} from '../../lib/dialects/native/messages.ts';
import {
  ERROR_CODES,
  LocalFolderStore,
  type Store,
  VERSION,
  availableDigests,
  createDigest,
  fromChunks,
} from '../../lib/index.ts';
import { assertUnchanged, withCheck } from '../../lib/protocol/message-check.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import {
  type Offer,
  type RawMessage,
  type RawPeer,
  connectRaw,
  connectRawData,
  contentFrames,
  messageFrame,
  offerOf,
  openSession,
  rawFrame,
  sha256,
  until,
} from '../helpers/raw-peer.ts';
import { TOKEN, WELCOME, greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

const DOCUMENT = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'protocol.md'), 'utf8');

/** The fenced blocks of the document that begin with a word. */
const blocksOf = (kind: string): string[] =>
  [...DOCUMENT.matchAll(/^```(.+)\n([^]*?)^```$/gm)]
    .filter(([, word]) => word === kind)
    .map(([, , text = '']) => text.trimEnd());

/** The messages in the document's JSON blocks of a sort: one a block, or one a line. */
const messagesOf = (sort: string): RawMessage[] =>
  blocksOf(`json ${sort}`).flatMap((text) => {
    const texts = text.startsWith('{"') ? text.split('\n') : [text];
    return texts.map((each) => JSON.parse(each) as RawMessage);
  });

/** The first cells of a table's rows, by the heading of the table's first column. */
const rowsOf = (heading: string): string[][] => {
  const table = new RegExp(`^\\| ${heading} +\\|.*\\n\\|[- |]*\\n((?:\\|.*\\n)+)`, 'm').exec(DOCUMENT)?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map(([, ...cells]) => cells);
};

describe('the protocol’s document', () => {
  const SORTS = [
    { sort: 'hello', decode: decodeHello },
    { sort: 'welcome', decode: decodeWelcome },
    { sort: 'client', decode: decodeClientMessage },
    { sort: 'server', decode: decodeServerMessage },
    { sort: 'trailer', decode: decodeTrailer },
    { sort: 'tree', decode: decodeTreeHeader },
  ];
  for (const { sort, decode } of SORTS)
    it(`shows ${sort} messages that the code takes, with no field that it does not know`, () => {
      const messages = messagesOf(sort);
      assert.ok(messages.length > 0);
      for (const message of messages) assert.deepEqual(decode(Buffer.from(JSON.stringify(message))), message);
    });

  it('shows every message at least once', () => {
    const typesOf = (sort: string) => [...new Set(messagesOf(sort).map(({ type }) => type))].sort();
    const requests = [
      'list',
      'stat',
      'hash',
      'get',
      'put',
      'get-tree',
      'put-tree',
      'delete',
      'mkdir',
      'rmdir',
      'move',
      'space',
      'ping',
      'quit',
    ];
    assert.deepEqual(typesOf('client'), [...requests, 'receipt', 'abort', 'pong', 'waiting'].sort());
    const replies = [
      'listing',
      'entry',
      'digest',
      'accepted',
      'completed',
      'problem',
      'skipped',
      'waiting',
      'space',
      'done',
      'pong',
      'error',
    ];
    assert.deepEqual(typesOf('server'), [...replies, 'bye', 'ping'].sort());
    assert.deepEqual(
      rowsOf('request').map(([type]) => type),
      requests,
    );
    assert.deepEqual(
      rowsOf('reply').map(([type]) => type),
      replies,
    );
  });

  it('explains every error code, and no other', () => {
    assert.deepEqual(
      rowsOf('code').map(([code]) => code),
      [...ERROR_CODES],
    );
  });

  it('names the limits that the code has', () => {
    const said = new Map([...rowsOf('limit'), ...rowsOf('deadline')].map(([name = '', value = '']) => [name, value]));
    const NAMES: Readonly<Record<keyof ConversationLimits, string>> = {
      helloFrame: 'first frame of a connection',
      controlFrame: 'control frame',
      dataFrame: 'content frame',
      commands: 'requests of a session that run at once',
      page: 'entries in a page',
      helloMs: 'from connecting to the whole hello',
      dataMs: 'from accepted to the token',
      idleMs: 'from the last request to the end of an idle session',
      quietMs: 'silence until the peer is asked for a sign of life',
      stallMs: 'silence until the peer counts as gone',
    };
    for (const [name, value] of Object.entries(DEFAULT_LIMITS) as [keyof ConversationLimits, number][])
      assert.equal(said.get(NAMES[name]), name.endsWith('Ms') ? `${value / 1000} s` : String(value), name);
  });

  it('shows a message with its check', () => {
    const [text = ''] = blocksOf('message');
    const { check, ...message } = JSON.parse(text) as RawMessage;
    assert.deepEqual([withCheck(JSON.stringify(message)), message['id']], [text, 7]);
    assert.equal(typeof check, 'string');
  });

  it('shows the bytes of a frame as they are', () => {
    const [dump = ''] = blocksOf('hexdump');
    const hex = dump.split('\n').map((line) => line.split('   ')[0]);
    assert.deepEqual(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'), messageFrame({ type: 'ping', id: 7 }));
  });
});

interface Line {
  readonly from: 'C' | 'S';
  readonly onData: boolean;
  readonly frame: string;
}

const linesOf = (session: string): Line[] =>
  session.split('\n').map((line) => {
    const [, from, star, frame = ''] =
      /^([CS])(\*?)> (.*)$/.exec(line) ?? assert.fail(`not a line of a session: ${line}`);
    assert.equal(frame.slice(0, 10), String(Buffer.byteLength(frame) - 10).padStart(10, '0'), line);
    return { from: from as 'C' | 'S', onData: star === '*', frame };
  });

/** A control message without what is different on every server. */
const comparable = (text: string): string => {
  const message = JSON.parse(text) as RawMessage;
  const anyhow = ['port', 'token', 'message', 'free', 'total', 'agent'].filter((name) => name in message);
  const comparable = { ...message, ...Object.fromEntries(anyhow.map((name) => [name, '…'])) };
  return JSON.stringify(comparable).replaceAll(/"token":"[0-9a-f]{64}"/g, '"token":"…"');
};

/** Plays the client's lines of a session to a server, sending them by `write`, and compares the server's answers. */
const play = async (test: TestContext, session: string, write: (peer: RawPeer, bytes: Buffer) => Promise<void>) => {
  const server = await startServer(test);
  const file = join(server.root, 'pub', 'hello.txt');
  await mkdir(join(server.root, 'pub'));
  await writeFile(file, 'Hello, world');
  await chmod(file, 0o644);
  await utimes(file, 1_700_000_000, 1_700_000_000);
  const control = await connectRaw(test, server.port);
  let offer: Offer | undefined;
  let data: RawPeer | undefined;
  for (const { from, onData, frame } of linesOf(session)) {
    if (from === 'S' && onData) assert.equal((await data?.frame())?.toString(), frame.slice(10));
    else if (from === 'S') {
      const text = (await control.frame()).toString();
      assert.equal(comparable(text), comparable(frame.slice(10)));
      const message = JSON.parse(text) as RawMessage;
      if (message['type'] === 'accepted' && !('segments' in message)) offer = offerOf(message);
      if (message['type'] === 'hello') assert.equal(message['agent'], `sluice/${VERSION}`);
    } else if (!onData) await write(control, Buffer.from(frame));
    else if (offer !== undefined) {
      data = await connectRaw(test, offer.port);
      await write(data, rawFrame(offer.token));
      offer = undefined;
    } else if (data !== undefined) await write(data, Buffer.from(frame));
  }
  assert.equal((await control.rest()).length, 0);
};

describe('a server', () => {
  const sessions = blocksOf('session');

  it('answers every session of the document, byte for byte', async (test) => {
    assert.equal(sessions.length, 8);
    for (const session of sessions)
      await play(test, session, (peer, bytes) => {
        peer.write(bytes);
        return Promise.resolve();
      });
  });

  it('answers the same when bytes come one at a time', async (test) => {
    for (const session of sessions)
      await play(test, session, async (peer, bytes) => {
        for (const byte of bytes) {
          peer.write(Buffer.of(byte));
          await nextTurn();
        }
      });
  });

  it('answers requests that come all at once, in one piece with the hello', async (test) => {
    const server = await startServer(test);
    const peer = await connectRaw(test, server.port);
    const requests = ['a', 'b', 'c'].map((name, index) => messageFrame({ type: 'mkdir', id: index + 1, path: [name] }));
    peer.write(Buffer.concat([messageFrame({ type: 'hello', version: 1, digests: ['sha256'] }), ...requests]));
    assert.equal((await peer.message())['type'], 'hello');
    const replies = [await peer.message(), await peer.message(), await peer.message()];
    assert.deepEqual(replies.map(({ id }) => id).sort(), [1, 2, 3]);
    assert.ok(replies.every(({ type }) => type === 'done'));
  });

  it('answers requests while others wait, each with its own id', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    const slow = offerOf(await peer.ask({ type: 'put', id: 100, path: ['slow'] }));
    const other = offerOf(await peer.ask({ type: 'put', id: 3, path: ['other'] }));
    assert.deepEqual(await peer.ask({ type: 'ping', id: 7 }), { type: 'pong', id: 7 });
    peer.send({ type: 'stat', id: 8, path: ['missing'] });
    await peer.error('NOT_FOUND', 8);
    (await connectRawData(test, other)).write(contentFrames('other'));
    assert.deepEqual(await peer.message(), { type: 'completed', id: 3, bytes: 5, digest: sha256('other') });
    (await connectRawData(test, slow)).write(contentFrames('slow'));
    assert.deepEqual(await peer.message(), { type: 'completed', id: 100, bytes: 4, digest: sha256('slow') });
  });

  for (const name of availableDigests())
    it(`digests with ${name} where that is the best in common`, async (test) => {
      const server = await startServer(test);
      await writeFile(join(server.root, 'a'), 'some content');
      const peer = await connectRaw(test, server.port);
      const digests = name === 'sha256' ? ['md5', 'sha256'] : ['sha256', name];
      const welcome = await peer.ask({ type: 'hello', version: 1, digests });
      assert.equal(welcome['digest'], name);
      const data = await connectRawData(test, offerOf(await peer.ask({ type: 'get', id: 1, path: ['a'] })));
      const digest = createDigest(name);
      digest.update(Buffer.from('some content'));
      assert.deepEqual((await data.content()).trailer, { bytes: 12, digest: digest.finish() });
    });

  it('ends a session whose client ends its sending side, and cancels what runs', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    offerOf(await peer.ask({ type: 'put', id: 1, path: ['a'] }));
    peer.socket.end();
    await peer.rest();
    const { outcome, error } = await server.event('transfer');
    assert.deepEqual([outcome, error?.code], ['failed', 'CLOSED_EARLY']);
  });

  it('takes further empty and small frames as content', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'put', id: 1, path: ['a'] })));
    const content = 'one byte a frame';
    data.write(Buffer.concat(Array.from(content, (byte) => rawFrame(byte))));
    data.write(contentFrames('', { bytes: content.length, digest: sha256(content) }));
    assert.equal((await peer.message())['type'], 'completed');
    assert.equal(await readFile(join(server.root, 'a'), 'utf8'), content);
  });

  it('follows the overwrite policies', async (test) => {
    const server = await startServer(test);
    const file = join(server.root, 'a');
    const peer = await openSession(test, server);
    await writeFile(file, 'old');
    await utimes(file, 1_700_000_000, 1_700_000_000);
    const put = (id: number, about: object) => peer.ask({ type: 'put', id, path: ['a'], ...about });
    assert.deepEqual(await put(1, { overwrite: 'skip' }), { type: 'skipped', id: 1 });
    peer.send({ type: 'put', id: 2, path: ['a'], overwrite: 'refuse' });
    await peer.error('EXISTS', 2);
    const same = { overwrite: 'if-newer', modified: 1_700_000_000_000 };
    assert.deepEqual(await put(3, same), { type: 'skipped', id: 3 });
    const offer = offerOf(await put(4, { ...same, modified: 1_700_000_000_001 }));
    (await connectRawData(test, offer)).write(contentFrames('new'));
    assert.equal((await peer.message())['type'], 'completed');
    assert.equal(await readFile(file, 'utf8'), 'new');
  });

  it('sets no mode that lends rights', async (test) => {
    const server = await startServer(test);
    const peer = await openSession(test, server);
    peer.send({ type: 'put', id: 1, path: ['a'], mode: 0o4755 });
    await peer.error('MESSAGE_INVALID', 1);
    const offer = offerOf(await peer.ask({ type: 'put', id: 2, path: ['a'], mode: 0o751 }));
    (await connectRawData(test, offer)).write(contentFrames(''));
    await peer.message();
    assert.equal((await stat(join(server.root, 'a'))).mode & 0o7777, 0o751);
  });

  it('gives a long folder in pages, each cursor once', async (test) => {
    const server = await startServer(test, { limits: { page: 10 } });
    const names = Array.from({ length: 25 }, (_, index) => `file-${index}`).sort();
    for (const name of names) await writeFile(join(server.root, name), '');
    const peer = await openSession(test, server);
    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor: unknown;
    for (let id = 1; id === 1 || cursor !== undefined; id += 1) {
      const page = await peer.ask({ type: 'list', id, path: [], ...(cursor === undefined ? {} : { cursor }) });
      const entries = page['entries'] as { name: string }[];
      sizes.push(entries.length);
      seen.push(...entries.map(({ name }) => name));
      const used = cursor;
      ({ cursor } = page);
      if (used === undefined) continue;
      peer.send({ type: 'list', id: 100 + id, path: [], cursor: used });
      await peer.error('UNSUPPORTED', 100 + id);
    }
    assert.deepEqual(sizes, [10, 10, 5]);
    assert.deepEqual(seen.sort(), names);
  });

  it('keeps a page within a frame that every client takes, whatever frames it takes itself', async (test) => {
    const server = await startServer(test, { limits: { controlFrame: 1024 * 1024 } });
    for (let index = 100; index < 500; index += 1) await writeFile(join(server.root, `${index}${'x'.repeat(250)}`), '');
    const peer = await openSession(test, server);
    peer.send({ type: 'list', id: 1, path: [] });
    const page = await peer.frame();
    assert.ok(page.length <= 65_536 && page.length > 60_000);
    const client = await startClient(test, server);
    assert.equal((await lastValueFrom(client.list([]).pipe(toArray()))).length, 400);
  });

  it('sends no longer content frames than every client takes, whatever frames it takes itself', async (test) => {
    const folder = await LocalFolderStore.open(await temporaryFolder(test));
    const content = Buffer.alloc(3 * 1024 * 1024, 'x');
    const entry = { name: 'a', kind: 'file', size: content.length, modified: 0, mode: 0o644 } as const;
    const store: Store = Object.assign(Object.create(folder) as LocalFolderStore, {
      open: () => Promise.resolve({ entry, content: () => fromChunks([content]), close: () => Promise.resolve() }),
    });
    const server = await startServer(test, { store, limits: { dataFrame: 8 * 1024 * 1024 } });
    const peer = await openSession(test, server);
    const data = await connectRawData(test, offerOf(await peer.ask({ type: 'get', id: 1, path: ['a'] })));
    assert.equal((await data.frame()).length, 1024 * 1024);
  });

  it('counts a session as idle whose client gives signs of life and asks for nothing', async (test) => {
    const server = await startServer(test, { limits: { idleMs: 300 } });
    const peer = await openSession(test, server);
    let id = 0;
    const pinging = setInterval(() => peer.send({ type: 'ping', id: (id += 1) }), 20);
    test.after(() => clearInterval(pinging));
    let message = await peer.message();
    while (message['type'] === 'pong') message = await peer.message();
    assert.deepEqual([message['type'], message['code'], message['id']], ['error', 'IDLE_TIMEOUT', undefined]);
  });

  it('says goodbye when it stops, begins nothing new, and lets a running transfer end', async (test) => {
    const stop = new AbortController();
    const server = await startServer(test, { stop: stop.signal });
    const peer = await openSession(test, server);
    const offer = offerOf(await peer.ask({ type: 'put', id: 1, path: ['a'] }));
    stop.abort();
    const bye = await peer.message();
    assert.deepEqual([bye['type'], bye['code']], ['bye', 'SERVER_STOPPING']);
    peer.send({ type: 'stat', id: 2, path: [] });
    await peer.error('SERVER_STOPPING', 2);
    assert.deepEqual(await peer.ask({ type: 'ping', id: 3 }), { type: 'pong', id: 3 });
    (await connectRawData(test, offer)).write(contentFrames('in time'));
    assert.equal((await peer.message())['type'], 'completed');
    assert.equal((await peer.rest()).length, 0);
    await server.ended;
  });
});

describe('a session whose client gives checks', () => {
  const checked = (message: RawMessage) => rawFrame(withCheck(JSON.stringify(message)));
  const HELLO = { type: 'hello', version: 1, digests: ['sha256'] };

  const begin = async (test: TestContext) => {
    const server = await startServer(test);
    await writeFile(join(server.root, 'file'), 'Hello, world');
    const peer = await connectRaw(test, server.port);
    peer.write(checked(HELLO));
    assert.ok(assertUnchanged(await peer.frame()));
    return { server, peer };
  };

  it('gets them with every message, and with what stands on data connections', async (test) => {
    const { peer } = await begin(test);
    const ask = async (message: RawMessage) => {
      peer.write(checked(message));
      const reply = await peer.frame();
      assert.ok(assertUnchanged(reply), reply.toString());
      return JSON.parse(reply.toString()) as RawMessage;
    };
    assert.equal((await ask({ type: 'ping', id: 1 }))['type'], 'pong');
    const file = await connectRawData(test, offerOf(await ask({ type: 'get', id: 2, path: ['file'] })));
    for (let frame = 0; frame < 2; frame += 1) await file.frame();
    assert.ok(assertUnchanged(await file.frame()));
    peer.write(checked({ type: 'abort', id: 2 }));
    assert.ok(assertUnchanged(await peer.frame()));
    const tree = await connectRawData(test, offerOf(await ask({ type: 'get-tree', id: 3, path: [] })));
    const [header, , , trailer, end] = [
      await tree.frame(),
      await tree.frame(),
      await tree.frame(),
      await tree.frame(),
      await tree.frame(),
    ];
    for (const frame of [header, trailer, end]) assert.ok(assertUnchanged(frame), frame.toString());
  });

  it('ends with DIGEST_MISMATCH, and does nothing, at a request whose check is wrong or missing', async (test) => {
    for (const request of ['{"type":"delete","id":1,"path":["file"]}', '{"id":1,"check":"00000000"}']) {
      const { server, peer } = await begin(test);
      peer.write(rawFrame(request));
      const last = await peer.frame();
      assert.ok(assertUnchanged(last));
      const { type, code, id } = JSON.parse(last.toString()) as RawMessage;
      assert.deepEqual([type, code, id], ['error', 'DIGEST_MISMATCH', undefined]);
      assert.equal((await peer.rest()).length, 0);
      assert.equal((await stat(join(server.root, 'file'))).size, 12);
    }
  });

  it('fails a put alone whose trailer has none', async (test) => {
    const { server, peer } = await begin(test);
    peer.write(checked({ type: 'put', id: 1, path: ['file'] }));
    const accepted = JSON.parse((await peer.frame()).toString()) as RawMessage;
    const data = await connectRawData(test, offerOf(accepted));
    data.write(contentFrames('other'));
    assert.equal((JSON.parse((await peer.frame()).toString()) as RawMessage)['code'], 'DIGEST_MISMATCH');
    assert.equal(await readFile(join(server.root, 'file'), 'utf8'), 'Hello, world');
    peer.write(checked({ type: 'ping', id: 2 }));
    assert.equal((JSON.parse((await peer.frame()).toString()) as RawMessage)['type'], 'pong');
  });
});

describe('a client', () => {
  const ENTRY = { name: 'a', kind: 'file', size: 3, modified: 1_700_000_000_000, mode: 0o644 } as const;
  const TRAILER = { bytes: 3, digest: sha256('abc') };

  it('greets with its version, its name, its digests and a check', async (test) => {
    const port = await openRawPort(test);
    const client = startClient(test, port);
    const peer = await port.accept();
    const { check, ...hello } = await peer.message();
    assert.deepEqual(hello, {
      type: 'hello',
      version: 1,
      agent: `sluice/${VERSION}`,
      digests: availableDigests(),
    });
    assert.equal(withCheck(JSON.stringify(hello)), JSON.stringify({ ...hello, check }));
    peer.send(WELCOME);
    await client;
  });

  it('asks for everything in the document’s words', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port), greet(port)]);
    const CALLS = [
      { call: () => client.stat(['a']), words: { type: 'stat', path: ['a'] }, reply: { type: 'entry', entry: ENTRY } },
      { call: () => client.remove(['a']), words: { type: 'delete', path: ['a'] }, reply: { type: 'done' } },
      { call: () => client.makeFolder(['a']), words: { type: 'mkdir', path: ['a'] }, reply: { type: 'done' } },
      {
        call: () => client.removeFolder(['a'], { recursive: true }),
        words: { type: 'rmdir', path: ['a'], recursive: true },
        reply: { type: 'done' },
      },
      {
        call: () => client.move(['a'], ['b', 'c']),
        words: { type: 'move', from: ['a'], to: ['b', 'c'] },
        reply: { type: 'done' },
      },
      { call: () => client.space(), words: { type: 'space' }, reply: { type: 'space', free: 1, total: 2 } },
      { call: () => client.ping(), words: { type: 'ping' }, reply: { type: 'pong' } },
      { call: () => client.quit(), words: { type: 'quit' }, reply: { type: 'done' } },
    ];
    for (const { call, words, reply } of CALLS) {
      const called = call();
      const request = await peer.message();
      const { id } = request;
      assert.deepEqual(request, { ...words, id });
      peer.send({ ...reply, id });
      await called;
    }
    assert.equal((await peer.rest()).length, 0);
  });

  const WAYS = [
    { name: 'in one piece', sizeOf: (frames: Buffer) => frames.length },
    { name: 'byte by byte', sizeOf: () => 1 },
  ];
  for (const { name, sizeOf } of WAYS)
    it(`understands replies that come ${name} and out of turn`, async (test) => {
      const port = await openRawPort(test);
      const connecting = startClient(test, port);
      const peer = await port.accept();
      await peer.message();
      const write = async (frames: Buffer) => {
        const size = sizeOf(frames);
        for (let at = 0; at < frames.length; at += size) {
          peer.write(frames.subarray(at, at + size));
          await nextTurn();
        }
      };
      await write(messageFrame(WELCOME));
      const client = await connecting;
      const asked = Promise.all([
        client.space(),
        client.stat(['a']),
        client.stat(['b']).catch((error: unknown) => error),
      ]);
      const ids = [await peer.message(), await peer.message(), await peer.message()].map(({ id }) => id);
      await write(
        Buffer.concat([
          messageFrame({ type: 'ping', id: 3 }),
          messageFrame({ type: 'error', id: ids[2], code: 'NOT_FOUND', message: 'no' }),
          messageFrame({ type: 'entry', id: ids[1], entry: ENTRY, color: 'blue' }),
          messageFrame({ type: 'space', id: ids[0], free: 1, total: 2 }),
        ]),
      );
      const [space, entry, error] = await asked;
      assert.deepEqual([space, entry, (error as { code: string }).code], [{ free: 1, total: 2 }, ENTRY, 'NOT_FOUND']);
      assert.deepEqual(await peer.message(), { type: 'pong', id: 3 });
    });

  it('gets a file: request, token, content, receipt', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port), greet(port)]);
    const [dataPort, folder] = [await openRawPort(test), await temporaryFolder(test)];
    const done = lastValueFrom(client.download(['pub', 'a'], join(folder, 'a'), { keepTime: true }));
    const request = await peer.message();
    const { id } = request;
    assert.deepEqual(request, { type: 'get', id, path: ['pub', 'a'], next: true });
    peer.send({ type: 'accepted', id, entry: ENTRY, port: dataPort.port, token: TOKEN });
    const data = await dataPort.accept();
    assert.equal((await data.frame()).toString(), TOKEN);
    for (const byte of contentFrames('abc')) {
      data.write(Buffer.of(byte));
      await nextTurn();
    }
    assert.deepEqual(await peer.message(), { type: 'receipt', id, ...TRAILER });
    peer.send({ type: 'completed', id, ...TRAILER });
    assert.deepEqual([(await done).state, (await done).bytes], ['completed', 3]);
    assert.equal((await stat(join(folder, 'a'))).mtimeMs, 1_700_000_000_000);
  });

  it('puts a file: request, token, content, trailer', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port), greet(port)]);
    const [dataPort, folder] = [await openRawPort(test), await temporaryFolder(test)];
    const file = join(folder, 'a');
    await writeFile(file, 'abc');
    await utimes(file, 1_700_000_000, 1_700_000_000);
    const options = { overwrite: 'refuse', keepTime: true, fsync: false, resume: true } as const;
    const done = lastValueFrom(client.upload(file, ['pub', 'a'], options));
    const about = { size: 3, modified: 1_700_000_000_000, ...options };
    const request = await peer.message();
    const { id } = request;
    assert.deepEqual(request, { type: 'put', id, path: ['pub', 'a'], ...about, next: true });
    peer.send({ type: 'accepted', id, port: dataPort.port, token: TOKEN });
    const data = await dataPort.accept();
    assert.equal((await data.frame()).toString(), TOKEN);
    assert.deepEqual(await data.content(), { content: Buffer.from('abc'), trailer: TRAILER });
    peer.send({ type: 'completed', id, ...TRAILER });
    assert.equal((await done).state, 'completed');
  });

  it('takes a skipped put for what it is', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port), greet(port)]);
    const file = join(await temporaryFolder(test), 'a');
    await writeFile(file, 'abc');
    const done = lastValueFrom(client.upload(file, ['a'], { overwrite: 'skip' }));
    const { id } = await peer.message();
    peer.send({ type: 'skipped', id });
    assert.equal((await done).state, 'skipped');
  });

  it('aborts a transfer that is cancelled, and no other', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port), greet(port)]);
    const folder = await temporaryFolder(test);
    const cancelled = client
      .download(['a'], join(folder, 'a'))
      .subscribe({ error: () => assert.fail('not cancelled') });
    const { id } = await peer.message();
    const other = client.stat(['b']);
    const { id: otherId } = await peer.message();
    cancelled.unsubscribe();
    const abort = await peer.message();
    assert.deepEqual([abort['type'], abort['id'], abort['code']], ['abort', id, 'CANCELLED']);
    peer.send({ type: 'error', id, code: 'CANCELLED', message: '' });
    peer.send({ type: 'entry', id: otherId, entry: ENTRY });
    assert.deepEqual(await other, ENTRY);
  });

  it('keeps its session when its pings are answered late, and all at once', async (test) => {
    const port = await openRawPort(test);
    const [client, peer] = await Promise.all([startClient(test, port, { stallMs: 900 }), greet(port)]);
    const ids = [(await peer.message())['id'], (await peer.message())['id']];
    for (const id of ids) peer.send({ type: 'pong', id });
    const entry = client.stat(['a']);
    let request = await peer.message();
    while (request['type'] === 'ping') request = await peer.message();
    peer.send({ type: 'entry', id: request['id'], entry: ENTRY });
    assert.deepEqual(await entry, ENTRY);
  });

  it('sends no longer content frames than the server takes', async (test) => {
    const server = await startServer(test, { limits: { dataFrame: 4096 } });
    const client = await startClient(test, server);
    const file = join(await temporaryFolder(test), 'a');
    await writeFile(file, Buffer.alloc(1_000_000, 'x'));
    assert.equal((await lastValueFrom(client.upload(file, ['a']))).state, 'completed');
    assert.equal((await lastValueFrom(client.download(['a'], file))).bytes, 1_000_000);
    await client.quit();
    await until('the end of the session', () => server.events.some(({ type }) => type === 'session-closed'));
  });
});
