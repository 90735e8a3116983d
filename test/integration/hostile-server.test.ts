import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom, toArray } from 'rxjs';
import { type Client, RemoteError, connectClient } from '../../lib/index.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, checkpointAt, leavePart } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RawMessage, type RawPeer, contentFrames, messageFrame, rawFrame, sha256 } from '../helpers/raw-peer.ts';
import { type RawPort, TOKEN, WELCOME, greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

const ENTRY = { name: 'a.txt', kind: 'file', size: 3, modified: 1_700_000_000_000, mode: 0o644 } as const;

interface Scene {
  readonly client: Client;
  /** The server's end of the control connection. */
  readonly control: RawPeer;
  /** The server's end of data connections. */
  readonly data: RawPort;
  readonly folder: string;
}

/** A client of this library's with a session on a server that says only what the test makes it say. */
const startScene = async (test: TestContext): Promise<Scene> => {
  const port = await openRawPort(test);
  const [client, control] = await Promise.all([startClient(test, port), greet(port)]);
  return { client, control, data: await openRawPort(test), folder: await temporaryFolder(test) };
};

/** Begins a download up to its request; `outcome` says how it ended. */
const beginDownload = async ({ client, control, folder }: Scene) => {
  const outcome = outcomeOf(lastValueFrom(client.download(['a.txt'], join(folder, 'a.txt'))));
  const { type, id } = await control.message();
  assert.equal(type, 'get');
  return { id, outcome };
};

const beginUpload = async ({ client, control, folder }: Scene, content: string | Buffer = 'abc') => {
  await writeFile(join(folder, 'up'), content);
  const outcome = outcomeOf(lastValueFrom(client.upload(join(folder, 'up'), ['a.txt'])));
  const { type, id } = await control.message();
  assert.equal(type, 'put');
  return { id, outcome };
};

/** The state a transfer ends in, or its error's code; a promise that never rejects. */
const outcomeOf = (transfer: Promise<{ state: string }>): Promise<string> =>
  transfer.then(
    ({ state }) => state,
    (error: unknown) => (error as { code: string }).code,
  );

/** Accepts a transfer and takes its data connection behind the token. */
const acceptTransfer = async ({ control, data }: Scene, id: unknown, about: object = {}): Promise<RawPeer> => {
  control.send({ type: 'accepted', id, entry: ENTRY, port: data.port, token: TOKEN, ...about });
  const peer = await data.accept();
  assert.equal((await peer.frame()).toString(), TOKEN);
  return peer;
};

/** Asserts that the client aborts a request for a reason, and that its session goes on. */
const assertAborted = async ({ client, control }: Scene, id: unknown, code: string): Promise<void> => {
  const abort = await control.message();
  assert.deepEqual([abort['type'], abort['id'], abort['code']], ['abort', id, code]);
  control.send({ type: 'error', id, code, message: 'as you say' });
  await assertAlive({ client, control });
};

const assertAlive = async ({ client, control }: Pick<Scene, 'client' | 'control'>): Promise<void> => {
  const pinged = client.ping();
  const ping = await control.message();
  control.send({ type: 'pong', id: ping['id'] });
  await pinged;
};

describe('a client whose server greets badly', () => {
  const limits = { ...WELCOME.limits };
  const GREETINGS: readonly { name: string; bytes: string | Buffer; code: string }[] = [
    { name: 'garbage', bytes: '220 FTP server ready\r\n', code: 'FRAME_HEADER_INVALID' },
    { name: 'a frame that is too long', bytes: '0000065537', code: 'FRAME_TOO_LARGE' },
    { name: 'no JSON', bytes: rawFrame('hello'), code: 'MESSAGE_INVALID' },
    { name: 'another message', bytes: rawFrame('{"type":"pong","id":1}'), code: 'MESSAGE_UNKNOWN' },
    { name: 'a newer version', bytes: messageFrame({ ...WELCOME, version: 2 }), code: 'VERSION_MISMATCH' },
    { name: 'an unknown digest', bytes: messageFrame({ ...WELCOME, digest: 'crc32' }), code: 'MESSAGE_INVALID' },
    { name: 'the wish for a login', bytes: messageFrame({ ...WELCOME, login: 'required' }), code: 'VERSION_MISMATCH' },
    {
      name: 'a frame limit of 0',
      bytes: messageFrame({ ...WELCOME, limits: { ...limits, dataFrame: 0 } }),
      code: 'MESSAGE_INVALID',
    },
    { name: 'half a frame', bytes: '0000000050{"type', code: 'FRAME_TRUNCATED' },
    { name: 'nothing', bytes: '', code: 'CLOSED_EARLY' },
  ];
  for (const { name, bytes, code } of GREETINGS)
    it(`refuses ${name}`, async (test) => {
      const port = await openRawPort(test);
      const connecting = connectClient({ host: '127.0.0.1', port: port.port });
      const peer = await port.accept();
      if (bytes.length > 0) peer.write(bytes);
      peer.socket.end();
      await assert.rejects(connecting, { code });
      await peer.rest();
    });

  it('waits no longer than it was told to', async (test) => {
    const { port } = await openRawPort(test);
    await assert.rejects(connectClient({ host: '127.0.0.1', port, timeoutMs: 50 }), { code: 'HELLO_TIMEOUT' });
  });

  it('reports the server’s refusal as the server’s', async (test) => {
    const port = await openRawPort(test);
    const connecting = connectClient({ host: '127.0.0.1', port: port.port });
    const peer = await port.accept();
    peer.send({ type: 'error', code: 'SERVER_FULL', message: 'no place' });
    await assert.rejects(connecting, (error) => error instanceof RemoteError && error.code === 'SERVER_FULL');
  });

  it('calls a code that it does not know INTERNAL and keeps the text', async (test) => {
    const port = await openRawPort(test);
    const connecting = connectClient({ host: '127.0.0.1', port: port.port });
    const peer = await port.accept();
    peer.send({ type: 'error', code: 'FROM_THE_FUTURE', message: 'the text' });
    await assert.rejects(connecting, { code: 'INTERNAL', message: 'the text' });
  });
});

describe('a client whose server breaks the protocol', () => {
  const BREACHES: readonly { name: string; message: RawMessage | string; code: string }[] = [
    { name: 'a reply to no request', message: { type: 'done', id: 99 }, code: 'STATE_UNEXPECTED' },
    { name: 'a reply that was given before', message: { type: 'pong', id: 1 }, code: 'STATE_UNEXPECTED' },
    { name: 'a message of no known type', message: { type: 'push', id: 1 }, code: 'MESSAGE_UNKNOWN' },
    { name: 'a second hello', message: WELCOME, code: 'MESSAGE_UNKNOWN' },
    { name: 'an id inside __proto__', message: '{"type":"done","__proto__":{"id":1}}', code: 'MESSAGE_INVALID' },
    { name: 'a huge id', message: '{"type":"done","id":1e400}', code: 'MESSAGE_INVALID' },
    { name: 'no JSON', message: 'done', code: 'MESSAGE_INVALID' },
    {
      name: 'an error for the session',
      message: { type: 'error', code: 'IDLE_TIMEOUT', message: '' },
      code: 'IDLE_TIMEOUT',
    },
  ];
  for (const { name, message, code } of BREACHES)
    it(`ends the session, and all that runs in it, at ${name}`, async (test) => {
      const scene = await startScene(test);
      await assertAlive(scene);
      const running = scene.client.stat(['a']);
      const ended = lastValueFrom(scene.client.ended$, { defaultValue: undefined });
      await scene.control.message();
      scene.control.write(rawFrame(typeof message === 'string' ? message : JSON.stringify(message)));
      await assert.rejects(running, { code });
      await assert.rejects(ended, { code });
      await scene.control.rest();
    });

  it('ends the session at a control frame that is too long', async (test) => {
    const { client, control } = await startScene(test);
    const running = client.stat(['a']);
    control.write('0000065537');
    await assert.rejects(running, { code: 'FRAME_TOO_LARGE' });
  });

  it('fails a request alone that gets the wrong kind of reply', async (test) => {
    const scene = await startScene(test);
    for (const reply of [{ type: 'done' }, { type: 'listing', entries: [] }, { type: 'accepted' }]) {
      const running = scene.client.stat(['a']);
      const { id } = await scene.control.message();
      scene.control.send({ ...reply, id });
      await assert.rejects(running, { code: 'STATE_UNEXPECTED' });
      if (reply.type === 'accepted') assert.equal((await scene.control.message())['type'], 'abort');
    }
    await assertAlive(scene);
  });

  it('keeps its word to a server that asks for pongs', async (test) => {
    const { control } = await startScene(test);
    for (let id = 1; id <= 200; id += 1) control.send({ type: 'ping', id });
    for (let id = 1; id <= 200; id += 1) assert.deepEqual(await control.message(), { type: 'pong', id });
  });

  it('says the server’s farewell when the connection ends behind it', async (test) => {
    const { client, control } = await startScene(test);
    const running = client.stat(['a']);
    control.send({ type: 'bye', code: 'SERVER_STOPPING', message: 'closing' });
    control.socket.end();
    await assert.rejects(running, { code: 'SERVER_STOPPING', message: 'closing' });
  });
});

describe('a client whose server lists strange names', () => {
  const NAMES = ['..', '.', '', '/etc/passwd', 'a/b', 'a\\b', '../up', 'a\0b', 'a\nb', '\u001b[2J', 'x'.repeat(256)];
  for (const name of [...NAMES, '.sluice-part-1', '\ud800'])
    it(`refuses ${JSON.stringify(name.slice(0, 20))}`, async (test) => {
      const { client, control } = await startScene(test);
      const listing = lastValueFrom(client.list([]).pipe(toArray()));
      const { id } = await control.message();
      control.send({ type: 'listing', id, entries: [ENTRY, { ...ENTRY, name }] });
      await assert.rejects(listing, { code: 'PATH_INVALID' });
      await assertAlive({ client, control });
    });

  it('ends with a server that sends empty pages of a listing without end', async (test) => {
    const { client, control } = await startScene(test);
    const listing = lastValueFrom(client.list([]).pipe(toArray()));
    const { id } = await control.message();
    control.send({ type: 'listing', id, entries: [], cursor: 'more' });
    await assert.rejects(listing, { code: 'STATE_UNEXPECTED' });
  });

  it('reads a second page only with what the server gave for it', async (test) => {
    const { client, control } = await startScene(test);
    const listing = lastValueFrom(client.list(['pub']).pipe(toArray()));
    const first = await control.message();
    control.send({ type: 'listing', id: first['id'], entries: [ENTRY], cursor: 'more' });
    const second = await control.message();
    assert.deepEqual([second['type'], second['path'], second['cursor']], ['list', ['pub'], 'more']);
    control.send({ type: 'listing', id: second['id'], entries: [{ ...ENTRY, name: 'b' }] });
    assert.deepEqual(
      (await listing).map(({ name }) => name),
      ['a.txt', 'b'],
    );
  });
});

describe('a client whose server lies about content', () => {
  const LIES: readonly { name: string; bytes: string | Buffer; code: string }[] = [
    { name: 'another digest', bytes: contentFrames('abc', { digest: sha256('abd') }), code: 'DIGEST_MISMATCH' },
    { name: 'another size in the trailer', bytes: contentFrames('abc', { bytes: 2 }), code: 'SIZE_MISMATCH' },
    { name: 'less than it announced', bytes: contentFrames('ab'), code: 'SIZE_MISMATCH' },
    { name: 'more than it announced', bytes: rawFrame('abcd'), code: 'SIZE_MISMATCH' },
    { name: 'an endless frame', bytes: '9999999999', code: 'FRAME_TOO_LARGE' },
    { name: 'a frame one byte too long', bytes: '0001048577', code: 'FRAME_TOO_LARGE' },
    { name: 'no frames', bytes: 'HTTP/1.1 200 OK\r\n', code: 'FRAME_HEADER_INVALID' },
    { name: 'a trailer that is no trailer', bytes: '00000000000000000004null', code: 'MESSAGE_INVALID' },
  ];
  for (const { name, bytes, code } of LIES)
    it(`keeps nothing of a download with ${name}, and says so`, async (test) => {
      const scene = await startScene(test);
      await writeFile(join(scene.folder, 'a.txt'), 'old');
      const { id, outcome } = await beginDownload(scene);
      (await acceptTransfer(scene, id)).write(bytes);
      assert.equal(await outcome, code);
      await assertAborted(scene, id, code);
      assert.equal(await readFile(join(scene.folder, 'a.txt'), 'utf8'), 'old');
      assert.deepEqual(await readdir(scene.folder), ['a.txt']);
    });

  it('takes no upload for done that the server kept otherwise', async (test) => {
    for (const lie of [{ bytes: 2 }, { digest: sha256('abd') }]) {
      const scene = await startScene(test);
      const { id, outcome } = await beginUpload(scene);
      const { trailer } = await (await acceptTransfer(scene, id)).content();
      scene.control.send({ type: 'completed', id, ...trailer, ...lie });
      assert.equal(await outcome, 'DIGEST_MISMATCH');
      await assertAlive(scene);
    }
  });
});

describe('a client whose server answers transfers out of turn', () => {
  const completed = { type: 'completed', bytes: 3, digest: sha256('abc') };

  it('fails a download that is completed before it is accepted', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginDownload(scene);
    scene.control.send({ ...completed, id });
    assert.equal(await outcome, 'STATE_UNEXPECTED');
    assert.deepEqual(await readdir(scene.folder), []);
  });

  it('takes no word for content: a download called completed still needs all of it', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginDownload(scene);
    const data = await acceptTransfer(scene, id);
    scene.control.send({ ...completed, id });
    data.write(contentFrames('abd', { digest: sha256('abc') }));
    assert.equal(await outcome, 'DIGEST_MISMATCH');
    assert.deepEqual(await readdir(scene.folder), []);
  });

  it('fails an upload that is completed before anything was sent', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginUpload(scene);
    scene.control.send({ ...completed, id });
    assert.equal(await outcome, 'STATE_UNEXPECTED');
  });

  it('fails an upload that is completed before its content is out', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginUpload(scene, 'x'.repeat(16 * 1024 * 1024));
    await acceptTransfer(scene, id);
    scene.control.send({ ...completed, id });
    assert.equal(await outcome, 'STATE_UNEXPECTED');
  });

  for (const begin of [beginDownload, beginUpload])
    it(`aborts a transfer that is accepted twice (${begin.name})`, async (test) => {
      const scene = await startScene(test);
      const { id, outcome } = await begin(scene);
      await acceptTransfer(scene, id);
      scene.control.send({ type: 'accepted', id, entry: ENTRY, port: scene.data.port, token: TOKEN });
      assert.equal(await outcome, 'STATE_UNEXPECTED');
      await assertAborted(scene, id, 'STATE_UNEXPECTED');
      assert.equal(scene.data.connections, 1);
    });

  for (const [name, missing] of Object.entries({ entry: 'entry', port: 'port', token: 'token' }))
    it(`aborts a download that is accepted without ${name}`, async (test) => {
      const scene = await startScene(test);
      const { id, outcome } = await beginDownload(scene);
      const accepted = { type: 'accepted', id, entry: ENTRY, port: scene.data.port, token: TOKEN };
      scene.control.send({ ...accepted, [missing]: undefined });
      assert.equal(await outcome, 'MESSAGE_INVALID');
      await assertAborted(scene, id, 'MESSAGE_INVALID');
    });

  it('ends the session at a port that is no port', async (test) => {
    for (const port of [0, 65_536, -1, '80']) {
      const scene = await startScene(test);
      const { id, outcome } = await beginDownload(scene);
      scene.control.send({ type: 'accepted', id, entry: ENTRY, port, token: TOKEN });
      assert.equal(await outcome, 'MESSAGE_INVALID');
    }
  });

  it('takes the data port on the server’s own address, whatever other address is named', async (test) => {
    const scene = await startScene(test);
    const elsewhere = await openRawPort(test, { host: '127.0.0.2', port: scene.data.port });
    const { id, outcome } = await beginDownload(scene);
    const data = await acceptTransfer(scene, id, { host: '127.0.0.2', address: '127.0.0.2' });
    data.write(contentFrames('abc'));
    assert.equal(await outcome, 'completed');
    assert.equal(elsewhere.connections, 0);
  });

  it('overlooks fields that it does not know', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginDownload(scene);
    const data = await acceptTransfer(scene, id, { speed: 1, block: { size: 2 }, __proto__: { entry: 5 } });
    data.write(contentFrames('abc', { blocks: [1, 2, 3] }));
    assert.equal(await outcome, 'completed');
    const receipt = await scene.control.message();
    assert.deepEqual(receipt, { type: 'receipt', id, bytes: 3, digest: sha256('abc') });
  });
});

describe('a client whose server goes on where it was not asked to', () => {
  const CONTENT = pattern(3 * BLOCK_BYTES + 3);
  const HAVE = checkpointAt(CONTENT, 2 * BLOCK_BYTES);
  const THERE = HAVE.runs[0] ?? assert.fail();
  const WHOLE = { ...ENTRY, size: CONTENT.length, modified: MODIFIED };

  it('refuses a download that begins in the middle', async (test) => {
    for (const offset of [1, BLOCK_BYTES, Number.MAX_SAFE_INTEGER]) {
      const scene = await startScene(test);
      const { id, outcome } = await beginDownload(scene);
      const about = { entry: WHOLE, offset, port: scene.data.port, token: TOKEN };
      scene.control.send({ type: 'accepted', id, ...about });
      assert.equal(await outcome, 'OFFSET_MISMATCH');
      await assertAborted(scene, id, 'OFFSET_MISMATCH');
      assert.equal(scene.data.connections, 0);
      assert.deepEqual(await readdir(scene.folder), []);
    }
  });

  const ANSWERS: Readonly<Record<string, object>> = {
    'from the first byte': { entry: WHOLE },
    'behind fewer blocks': { entry: WHOLE, offset: BLOCK_BYTES },
    'behind more blocks': { entry: WHOLE, offset: 3 * BLOCK_BYTES },
    'inside a block': { entry: WHOLE, offset: THERE.end + 1 },
    'with a longer content': { entry: { ...WHOLE, size: WHOLE.size + 1 }, offset: THERE.end },
    'with a shorter content': { entry: { ...WHOLE, size: THERE.end - 1 }, offset: THERE.end },
    'with a content of another time': { entry: { ...WHOLE, modified: MODIFIED + 1 }, offset: THERE.end },
  };
  for (const [what, answer] of Object.entries(ANSWERS))
    it(`makes no file of two contents of a download that goes on ${what}`, async (test) => {
      const scene = await startScene(test);
      await leavePart(scene.folder, 'a.txt', CONTENT, { bytes: THERE.end, algorithm: 'sha256' });
      const outcome = outcomeOf(lastValueFrom(scene.client.download(['a.txt'], join(scene.folder, 'a.txt'))));
      const { id, resume } = await scene.control.message();
      const { end: offset, digest } = THERE;
      assert.deepEqual(resume, { offset, size: HAVE.size, modified: HAVE.modified, digest });
      scene.control.send({ type: 'accepted', id, ...answer, port: scene.data.port, token: TOKEN });
      assert.equal((await scene.control.message())['code'], 'OFFSET_MISMATCH');
      scene.control.send({ type: 'error', id, code: 'OFFSET_MISMATCH', message: 'as you say' });
      const again = await scene.control.message();
      assert.deepEqual([again['type'], again['resume']], ['get', undefined]);
      (await acceptTransfer(scene, again['id'])).write(contentFrames('abc'));
      assert.equal(await outcome, 'completed');
      assert.equal(await readFile(join(scene.folder, 'a.txt'), 'utf8'), 'abc');
    });

  const { digest } = THERE;
  const CLAIMS: Readonly<Record<string, object>> = {
    'inside a block': { offset: BLOCK_BYTES + 1, digest },
    'behind the end': { offset: 4 * BLOCK_BYTES, digest },
    'at the largest offset': { offset: Number.MAX_SAFE_INTEGER, digest },
    'behind other bytes': { offset: BLOCK_BYTES, digest },
    'without a digest': { offset: 2 * BLOCK_BYTES },
  };
  for (const [what, claim] of Object.entries(CLAIMS))
    it(`sends no byte of an upload that is taken up ${what}`, async (test) => {
      const scene = await startScene(test);
      const { id, outcome } = await beginUpload(scene, CONTENT);
      scene.control.send({ type: 'accepted', id, ...claim, port: scene.data.port, token: TOKEN });
      assert.equal(await outcome, 'OFFSET_MISMATCH');
      await assertAborted(scene, id, 'OFFSET_MISMATCH');
    });
});

describe('a client whose server vanishes', () => {
  const STEPS = ['request', 'accepted', 'data connection', 'content', 'trailer'] as const;
  for (const begin of [beginDownload, beginUpload])
    for (const last of STEPS)
      it(`survives a reset after the ${last} (${begin.name})`, async (test) => {
        const reaches = (step: (typeof STEPS)[number]) => STEPS.indexOf(step) <= STEPS.indexOf(last);
        const scene = await startScene(test);
        // An upload too large for the buffers between the two, so that it cannot be out before the reset.
        const { id, outcome } = await begin(scene, 'x'.repeat(16 * 1024 * 1024));
        const peers = [scene.control];
        if (last === 'accepted')
          scene.control.send({ type: 'accepted', id, entry: ENTRY, port: scene.data.port, token: TOKEN });
        if (reaches('data connection')) {
          const data = await acceptTransfer(scene, id);
          peers.push(data);
          if (begin === beginUpload && reaches('content')) await data.bytes(reaches('trailer') ? 8_000_000 : 1000);
          if (begin === beginDownload && reaches('content')) data.write(rawFrame('ab'));
          if (begin === beginDownload && reaches('trailer')) data.write('00000000000000000050{"bytes"');
        }
        for (const peer of peers) peer.reset();
        assert.equal(await outcome, 'CLOSED_EARLY');
        assert.deepEqual(await readdir(scene.folder), begin === beginUpload ? ['up'] : []);
        await assert.rejects(scene.client.ping(), { code: 'CLOSED_EARLY' });
      });

  it('has its download done when the session ends right behind the content', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginDownload(scene);
    (await acceptTransfer(scene, id)).write(contentFrames('abc'));
    assert.equal((await scene.control.message())['type'], 'receipt');
    scene.control.reset();
    assert.equal(await outcome, 'completed');
    assert.equal(await readFile(join(scene.folder, 'a.txt'), 'utf8'), 'abc');
  });
});

// The client waits for the server's own word on a lost data connection, so these take their time, side by side.
describe('a client whose server loses a data connection and does not say why', { concurrency: true }, () => {
  for (const begin of [beginDownload, beginUpload]) {
    it(`fails when nobody is at the data port (${begin.name})`, async (test) => {
      const scene = await startScene(test);
      const { id, outcome } = await begin(scene);
      scene.data.close();
      scene.control.send({ type: 'accepted', id, entry: ENTRY, port: scene.data.port, token: TOKEN });
      assert.equal(await outcome, 'CONNECT_FAILED');
      await assertAborted(scene, id, 'CONNECT_FAILED');
    });

    it(`fails when the data connection ends in the middle (${begin.name})`, async (test) => {
      const scene = await startScene(test);
      const { id, outcome } = await begin(scene, 'x'.repeat(16 * 1024 * 1024));
      const data = await acceptTransfer(scene, id);
      data.write(rawFrame('ab'));
      await data.bytes(begin === beginUpload ? 1000 : 0);
      data.socket.destroy();
      assert.equal(await outcome, 'CLOSED_EARLY');
      await assertAborted(scene, id, 'CLOSED_EARLY');
    });
  }

  it('gives the server’s reason when that comes in time', async (test) => {
    const scene = await startScene(test);
    const { id, outcome } = await beginDownload(scene);
    (await acceptTransfer(scene, id)).socket.destroy();
    scene.control.send({ type: 'error', id, code: 'SOURCE_CHANGED', message: 'it was written to' });
    assert.equal(await outcome, 'SOURCE_CHANGED');
    await assertAlive(scene);
  });
});

describe('a client that has met a hostile server', () => {
  it('speaks to an honest one as if nothing had been', async (test) => {
    const scene = await startScene(test);
    scene.control.write('complete garbage');
    await assert.rejects(lastValueFrom(scene.client.ended$), { code: 'FRAME_HEADER_INVALID' });
    const client = await startClient(test, await startServer(test));
    await client.ping();
    await client.quit();
  });
});
