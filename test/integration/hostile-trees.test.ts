import assert from 'node:assert/strict';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { assertFiles } from '../faults/scene.ts';
import { pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { keptBytes } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { heldBytes } from '../helpers/memory.ts';
import {
  type RawMessage,
  type RawPeer,
  connectRawData,
  contentFrames,
  messageFrame,
  offerOf,
  openSession,
  rawFrame,
  sha256,
  until,
} from '../helpers/raw-peer.ts';
import { TOKEN, greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';
import { readTree, runTree } from '../helpers/tree.ts';

checkLeaks();

const MIB = 1024 * 1024;

const folder = (...path: string[]) => messageFrame({ type: 'folder', path });
const header = (path: readonly string[], size: number) =>
  messageFrame({ type: 'file', path, size, modified: 1_700_000_000_000, mode: 0o644 });
const file = (path: readonly string[], content: string | Buffer, trailer: RawMessage = {}) =>
  Buffer.concat([header(path, content.length), contentFrames(content, trailer)]);
const pack = (
  path: readonly string[],
  files: readonly (readonly [name: string, size: number])[],
  content: string | Buffer,
) =>
  Buffer.concat([
    messageFrame({
      type: 'pack',
      path,
      files: files.map(([name, size]) => ({ name, size, modified: 1_700_000_000_000, mode: 0o644 })),
    }),
    contentFrames(content),
  ]);
const end = (files: number, bytes: number) => messageFrame({ type: 'end', files, bytes });

/** A tree that breaks the rules, and the code that its taker ends it with. */
const BREACHES: readonly { readonly name: string; readonly wire: readonly Buffer[]; readonly code: string }[] = [
  { name: 'a path that climbs out', wire: [file(['..', 'out'], 'x')], code: 'PATH_INVALID' },
  { name: 'a folder that climbs out', wire: [folder('a', '..', '..')], code: 'PATH_INVALID' },
  { name: 'a path with a slash in it', wire: [file(['a/b'], 'x')], code: 'PATH_INVALID' },
  { name: 'an absolute path', wire: [file(['/etc/passwd'], 'x')], code: 'PATH_INVALID' },
  { name: 'the name of a part', wire: [file(['.sluice-part-x'], 'x')], code: 'PATH_INVALID' },
  {
    name: 'a failure with a path that climbs out',
    wire: [messageFrame({ type: 'failed', path: ['..'], code: 'X', message: '' })],
    code: 'PATH_INVALID',
  },
  { name: 'a file that comes twice', wire: [file(['a'], 'x'), file(['a'], 'y')], code: 'PATH_INVALID' },
  { name: 'a folder that comes twice', wire: [folder('a'), folder('a')], code: 'PATH_INVALID' },
  { name: 'a file by the name of a folder', wire: [folder('a'), file(['a'], 'x')], code: 'PATH_INVALID' },
  { name: 'the tree’s own folder as a file', wire: [file([], 'x')], code: 'PATH_INVALID' },
  { name: 'the tree’s own folder', wire: [folder()], code: 'PATH_INVALID' },
  { name: 'more bytes than announced', wire: [header(['a'], 3), contentFrames('abcd')], code: 'SIZE_MISMATCH' },
  { name: 'a trailer that counts otherwise', wire: [file(['a'], 'abc', { bytes: 4 })], code: 'SIZE_MISMATCH' },
  { name: 'another digest', wire: [file(['a'], 'abc', { digest: sha256('') }), end(1, 3)], code: 'DIGEST_MISMATCH' },
  { name: 'an end that counts other files', wire: [file(['a'], 'abc'), end(2, 3)], code: 'STATE_UNEXPECTED' },
  { name: 'an end that counts other bytes', wire: [file(['a'], 'abc'), end(1, 4)], code: 'STATE_UNEXPECTED' },
  { name: 'a header that is too long', wire: [Buffer.from('0000065537')], code: 'FRAME_TOO_LARGE' },
  { name: 'an empty frame for a header', wire: [rawFrame('')], code: 'MESSAGE_INVALID' },
  {
    name: 'an unknown header',
    wire: [messageFrame({ type: 'link', path: ['a'], to: '/etc' })],
    code: 'MESSAGE_UNKNOWN',
  },
  { name: 'a negative size', wire: [header(['a'], -1)], code: 'MESSAGE_INVALID' },
  {
    name: 'a mode that lends rights',
    wire: [messageFrame({ type: 'file', path: ['a'], size: 0, modified: 0, mode: 0o104_755 })],
    code: 'MESSAGE_INVALID',
  },
  {
    name: 'an empty block behind a full one',
    wire: [
      header(['a'], MIB),
      rawFrame(Buffer.alloc(MIB)),
      rawFrame(''),
      messageFrame({ bytes: MIB, digest: sha256(Buffer.alloc(MIB)), more: true }),
      contentFrames('', { bytes: MIB }),
    ],
    code: 'STATE_UNEXPECTED',
  },
  { name: 'a pack whose folder climbs out', wire: [pack(['..'], [['b', 1]], 'x')], code: 'PATH_INVALID' },
  { name: 'a pack with a name that climbs out', wire: [pack([], [['..', 1]], 'x')], code: 'PATH_INVALID' },
  { name: 'a pack with a path for a name', wire: [pack([], [['b/c', 1]], 'x')], code: 'PATH_INVALID' },
  { name: 'a pack with the name of a part', wire: [pack([], [['.sluice-part-x', 1]], 'x')], code: 'PATH_INVALID' },
  {
    name: 'a pack with a file that comes twice',
    wire: [
      pack(
        [],
        [
          ['b', 1],
          ['b', 1],
        ],
        'xy',
      ),
    ],
    code: 'PATH_INVALID',
  },
  {
    name: 'a pack with a file that came before',
    wire: [file(['a'], 'x'), pack([], [['a', 1]], 'y')],
    code: 'PATH_INVALID',
  },
  { name: 'a pack of no files', wire: [pack([], [], '')], code: 'MESSAGE_INVALID' },
  {
    name: 'a pack of too many files',
    wire: [
      pack(
        [],
        Array.from({ length: 1025 }, (_, index) => [`${index}`, 0] as const),
        '',
      ),
    ],
    code: 'MESSAGE_INVALID',
  },
  {
    name: 'a pack of more than a block',
    wire: [
      pack(
        [],
        [
          ['b', MIB],
          ['c', 1],
        ],
        'x',
      ),
    ],
    code: 'STATE_UNEXPECTED',
  },
  {
    name: 'a pack with more bytes than announced',
    wire: [
      pack(
        [],
        [
          ['b', 1],
          ['c', 1],
        ],
        'xyz',
      ),
    ],
    code: 'SIZE_MISMATCH',
  },
  {
    name: 'a pack with fewer bytes than announced',
    wire: [
      pack(
        [],
        [
          ['b', 1],
          ['c', 2],
        ],
        'xy',
      ),
    ],
    code: 'SIZE_MISMATCH',
  },
  {
    name: 'a negative size in a pack',
    wire: [
      pack(
        [],
        [
          ['b', 3],
          ['c', -1],
        ],
        'xy',
      ),
    ],
    code: 'MESSAGE_INVALID',
  },
  {
    name: 'an end that counts a pack as one',
    wire: [
      pack(
        [],
        [
          ['a', 1],
          ['b', 1],
        ],
        'xy',
      ),
      end(1, 2),
    ],
    code: 'STATE_UNEXPECTED',
  },
  {
    name: 'a pack that failed',
    wire: [
      messageFrame({ type: 'pack', path: [], files: [{ name: 'b', size: 1, modified: 0, mode: 0 }] }),
      contentFrames('', { failed: { code: 'READ_FAILED', message: '' } }),
    ],
    code: 'STATE_UNEXPECTED',
  },
  { name: 'nothing more', wire: [file(['a'], 'abc')], code: 'CLOSED_EARLY' },
];

/** What a taker may have kept of a tree that broke the rules: the files that came whole before. */
const assertOnlyGood = async (place: string): Promise<void> => {
  let names: string[] = [];
  await until('parts to be gone', async () => {
    names = await readdir(place).catch(() => []);
    return names.every((name) => !name.startsWith('.sluice-part-'));
  });
  for (const name of names) assert.ok(['a', 'b', 'Straße', '\u00e9'].includes(name), name);
};

/** A session of this library's client on a scripted server, and the data connection of its get-tree. */
const beginGet = async (test: TestContext) => {
  const port = await openRawPort(test);
  const [client, control] = await Promise.all([startClient(test, port), greet(port)]);
  const data = await openRawPort(test);
  const place = join(await temporaryFolder(test), 'tree');
  const outcome = runTree(client.downloadTree(['tree'], place)).then(
    (done) => done,
    (error: unknown) => (error as { code: string }).code,
  );
  const request = await control.message();
  assert.equal(request['type'], 'get-tree');
  const { id } = request;
  control.send({ type: 'accepted', id, port: data.port, token: TOKEN });
  const peer = await data.accept();
  assert.equal((await peer.frame()).toString(), TOKEN);
  return { client, control, peer, id, place, outcome };
};

describe('a client whose server sends a tree', () => {
  for (const { name, wire, code } of BREACHES)
    it(`refuses ${name}`, async (test) => {
      const { client, control, peer, id, place, outcome } = await beginGet(test);
      peer.write(Buffer.concat(wire));
      if (code === 'CLOSED_EARLY') {
        peer.socket.end();
        control.send({ type: 'error', id, code, message: '' });
      } else {
        const abort = await control.message();
        assert.deepEqual([abort['type'], abort['id'], abort['code']], ['abort', id, code]);
        control.send({ type: 'error', id, code, message: 'as you say' });
      }
      assert.equal(await outcome, code);
      await assertOnlyGood(place);
      const pinged = client.ping();
      control.send({ type: 'pong', id: (await control.message())['id'] });
      await pinged;
    });

  it('takes what differs from an earlier name only by case, or by its form in Unicode, as failed, each alone', async (test) => {
    const { control, peer, id, outcome, place } = await beginGet(test);
    const wire = [
      file(['Straße'], 'x'),
      file(['STRAßE'], pattern(3 * MIB)),
      file(['\u00e9'], 'y'),
      file(['e\u0301'], 'z'),
      folder('sub'),
      folder('SUB'),
      file(['SUB', 'a'], 'a'),
      file(['Sub', 'deep', 'b'], 'b'),
      file(['sub', 'a'], 'last'),
      end(7, 3 * MIB + 9),
    ];
    peer.write(Buffer.concat(wire));
    const receipt = await control.message();
    assert.deepEqual([receipt['type'], receipt['files'], receipt['bytes']], ['receipt', 7, 3 * MIB + 9]);
    control.send({ ...receipt, type: 'completed', id });
    const done = await outcome;
    assert.ok(typeof done === 'object');
    const refused = ['STRAßE', 'SUB', 'SUB/a', 'Sub/deep/b', 'e\u0301'];
    assert.deepEqual(
      done.problems,
      refused.map((path) => `${path} PATH_INVALID`),
    );
    assert.deepEqual([done.last.files, done.last.failed], [3, 5]);
    assert.deepEqual([...(await readTree(place)).keys()], ['Straße', 'sub', 'sub/a', '\u00e9']);
  });

  it('takes a pack without those of its files that are refused, each alone', async (test) => {
    const { control, peer, id, outcome, place } = await beginGet(test);
    const wire = [
      folder('sub'),
      pack(
        ['sub'],
        [
          ['b', 1],
          ['B', 2],
          ['c', 0],
          ['d', 3],
        ],
        'bBBddd',
      ),
      pack(['none'], [['e', 1]], 'e'),
      pack(['SUB'], [['f', 1]], 'f'),
      pack([], [['a', 1]], 'a'),
      end(7, 9),
    ];
    peer.write(Buffer.concat(wire));
    const receipt = await control.message();
    assert.deepEqual([receipt['type'], receipt['files'], receipt['bytes']], ['receipt', 7, 9]);
    control.send({ ...receipt, type: 'completed', id });
    const done = await outcome;
    assert.ok(typeof done === 'object');
    assert.deepEqual([...done.problems].sort(), ['SUB/f PATH_INVALID', 'none/e NOT_FOUND', 'sub/B PATH_INVALID']);
    assert.deepEqual([done.last.files, done.last.failed], [4, 3]);
    assert.deepEqual([...(await readTree(place)).keys()].sort(), ['a', 'sub', 'sub/b', 'sub/c', 'sub/d']);
    assert.equal(await readFile(join(place, 'sub', 'd'), 'utf8'), 'ddd');
  });

  it('takes files whose folder was not announced as failed, each alone', async (test) => {
    const { control, peer, id, outcome, place } = await beginGet(test);
    peer.write(
      Buffer.concat([
        file(['none', 'a'], 'x'),
        file(['none', 'large'], pattern(3 * MIB)),
        file(['b'], 'y'),
        end(3, 3 * MIB + 2),
      ]),
    );
    const receipt = await control.message();
    assert.deepEqual([receipt['type'], receipt['files'], receipt['bytes']], ['receipt', 3, 3 * MIB + 2]);
    control.send({ type: 'completed', id, bytes: receipt['bytes'], digest: receipt['digest'], files: 3 });
    const done = await outcome;
    assert.ok(typeof done === 'object');
    assert.deepEqual(done.problems, ['none/a NOT_FOUND', 'none/large NOT_FOUND']);
    assert.deepEqual([...(await readTree(place)).keys()], ['b']);
  });

  it('takes a file of fewer bytes than announced as failed, alone, and keeps what is verified of it', async (test) => {
    const { control, peer, id, outcome, place } = await beginGet(test);
    peer.write(
      Buffer.concat([
        header(['a'], 10),
        contentFrames('abc'),
        header(['large'], 5 * MIB),
        contentFrames(pattern(2 * MIB)),
        file(['b'], 'y'),
        end(3, 2 * MIB + 4),
      ]),
    );
    const { type, bytes, digest } = await control.message();
    assert.equal(type, 'receipt');
    control.send({ type: 'completed', id, bytes, digest, files: 3 });
    const done = await outcome;
    assert.ok(typeof done === 'object');
    assert.deepEqual(done.problems, ['a SIZE_MISMATCH', 'large SIZE_MISMATCH']);
    await assertFiles(place, ['b']);
    assert.equal(await keptBytes(place, 'large'), 2 * MIB);
  });

  it('goes on behind files that the server could not read to their end', async (test) => {
    const { control, peer, id, outcome, place } = await beginGet(test);
    const failed = { failed: { code: 'SOURCE_CHANGED', message: 'was written to' } };
    peer.write(
      Buffer.concat([
        header(['a'], 10),
        contentFrames('abc', failed),
        header(['large'], 5 * MIB),
        contentFrames(pattern(2 * MIB + 1), failed),
        file(['b'], 'y'),
        end(1, 1),
      ]),
    );
    const { type, bytes, files, digest } = await control.message();
    assert.deepEqual([type, files, bytes, digest], ['receipt', 1, 1, sha256('y')]);
    control.send({ type: 'completed', id, bytes, digest, files });
    const done = await outcome;
    assert.ok(typeof done === 'object');
    assert.deepEqual(done.problems, ['a SOURCE_CHANGED', 'large SOURCE_CHANGED']);
    assert.deepEqual([...(await readTree(place)).keys()], ['b']);
  });

  it('holds no more however many things the server says to have failed', async (test) => {
    const { peer, outcome, client } = await beginGet(test);
    const line = messageFrame({ type: 'failed', path: ['a'], code: 'INTERNAL', message: 'x'.repeat(500) });
    const many = Buffer.concat(Array.from({ length: 1000 }, () => line));
    const write = () => new Promise<void>((resolve) => peer.socket.write(many, () => resolve()));
    await write();
    const before = heldBytes();
    for (let round = 0; round < 40; round += 1) await write();
    // The test itself keeps a short line for each.
    assert.ok(heldBytes() - before < 16 * MIB);
    client.close();
    assert.equal(await outcome, 'CLOSED_EARLY');
  });
});

describe('a client that uploads a tree', () => {
  const beginPut = async (test: TestContext) => {
    const port = await openRawPort(test);
    const [client, control] = await Promise.all([startClient(test, port), greet(port)]);
    const here = await temporaryFolder(test);
    await mkdir(join(here, 'sub'));
    const data = await openRawPort(test);
    const outcome = runTree(client.uploadTree(here, ['tree'])).then(
      () => 'completed',
      (error: unknown) => (error as { code: string }).code,
    );
    const list = await control.message();
    control.send({ type: 'error', id: list['id'], code: 'NOT_FOUND', message: '' });
    const { id, type } = await control.message();
    assert.equal(type, 'put-tree');
    control.send({ type: 'accepted', id, port: data.port, token: TOKEN });
    const peer = await data.accept();
    await peer.frame();
    return { control, peer, id, outcome };
  };

  it('says no more than its folders and its end for a tree without files', async (test) => {
    const { control, peer, id, outcome } = await beginPut(test);
    assert.deepEqual(await peer.message(), { type: 'folder', path: ['sub'] });
    assert.deepEqual(await peer.message(), { type: 'end', files: 0, bytes: 0 });
    control.send({ type: 'completed', id, bytes: 0, digest: sha256(''), files: 0 });
    assert.equal(await outcome, 'completed');
  });

  it('takes no receipt that speaks of another tree', async (test) => {
    const { control, id, peer, outcome } = await beginPut(test);
    await peer.rest();
    control.send({ type: 'completed', id, bytes: 0, digest: sha256('other'), files: 0 });
    assert.equal(await outcome, 'DIGEST_MISMATCH');
  });

  it('refuses a problem with a path that is none', async (test) => {
    const { control, id, outcome } = await beginPut(test);
    control.send({ type: 'problem', id, path: ['..'], code: 'BUSY', message: '' });
    assert.equal(await outcome, 'PATH_INVALID');
  });
});

/** A session with this library's server, and the data connection of its put-tree. */
const beginPut = async (test: TestContext) => {
  const server = await startServer(test);
  const control = await openSession(test, server);
  const offer = offerOf(await control.ask({ type: 'put-tree', id: 1, path: ['tree'] }));
  return { server, control, peer: await connectRawData(test, offer), place: join(server.root, 'tree') };
};

const assertAlive = async (control: RawPeer): Promise<void> =>
  assert.deepEqual(await control.ask({ type: 'ping', id: 99 }), { type: 'pong', id: 99 });

describe('a server whose client sends a tree', () => {
  for (const { name, wire, code } of BREACHES)
    it(`refuses ${name}`, async (test) => {
      const { control, peer, place } = await beginPut(test);
      peer.write(Buffer.concat(wire));
      if (code === 'CLOSED_EARLY') {
        peer.socket.end();
        control.send({ type: 'abort', id: 1, code });
      }
      await control.error(code, 1);
      await assertOnlyGood(place);
      await assertAlive(control);
    });

  it('says what it could not keep, and nothing of what the client could not read', async (test) => {
    const { control, peer, place } = await beginPut(test);
    const failed = messageFrame({ type: 'failed', path: ['link'], code: 'UNSUPPORTED', message: 'a link' });
    const broken = { failed: { code: 'SOURCE_CHANGED', message: 'was written to' } };
    peer.write(
      Buffer.concat([
        failed,
        header(['broken'], 3),
        contentFrames('ab', broken),
        header(['long'], 3 * MIB),
        contentFrames(pattern(MIB + 1), broken),
        file(['none', 'a'], 'x'),
        file(['b'], 'y'),
        end(2, 2),
      ]),
    );
    const problem = await control.message();
    assert.deepEqual([problem['type'], problem['path'], problem['code']], ['problem', ['none', 'a'], 'NOT_FOUND']);
    const { type, bytes, files, failed: notKept, digest } = await control.message();
    const digests = ['x', 'y'].map((content) => Buffer.from(sha256(content), 'hex'));
    assert.deepEqual([type, bytes, files, notKept, digest], ['completed', 2, 2, 1, sha256(Buffer.concat(digests))]);
    assert.deepEqual([...(await readTree(place)).keys()], ['b']);
  });

  it('keeps what came whole when the client gives up, and forgets the rest', async (test) => {
    const { control, peer, place } = await beginPut(test);
    peer.write(Buffer.concat([folder('sub'), file(['sub', 'a'], 'x'), header(['sub', 'b'], 10), rawFrame('half')]));
    await until('the first file', async () =>
      (await readdir(join(place, 'sub')).catch((): string[] => [])).includes('a'),
    );
    control.send({ type: 'abort', id: 1 });
    await control.error('CANCELLED', 1);
    assert.deepEqual([...(await readTree(place)).keys()], ['sub', 'sub/a']);
    await assertAlive(control);
  });

  it('holds little of a file of which it is told that it is huge', async (test) => {
    const { control, peer, place } = await beginPut(test);
    const before = heldBytes();
    const block = rawFrame(Buffer.alloc(64 * 1024));
    peer.write(Buffer.concat([header(['huge'], 2 ** 40), block]));
    await control.ask({ type: 'ping', id: 2 });
    assert.ok(heldBytes() - before < 16 * MIB);
    control.send({ type: 'abort', id: 1 });
    await control.error('CANCELLED', 1);
    assert.deepEqual(await readdir(place), []);
  });
});
