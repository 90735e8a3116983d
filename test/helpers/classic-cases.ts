import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { type Client, type DialectName, type ServeOptions, SluiceError } from '../../lib/index.ts';
import { valuesOf } from './collect.ts';
import { failsWith } from './errors.ts';
import { temporaryFolder } from './folder.ts';
import { type RawPeer, connectRaw, until } from './raw-peer.ts';
import { type RawPort, openRawPort } from './raw-server.ts';
import { type TestServer, startClient, startServer } from './server.ts';

// What every classic dialect has to do, tried with a peer that was written from the facts of its wire format alone.

/** How a scripted peer puts bytes on a connection. */
export type Say = (peer: RawPeer, bytes: string | Buffer) => Promise<void>;

/** Whole: as one write, like the programs that these dialects come from. */
export const whole: Say = async (peer, bytes) => {
  if (bytes.length === 0) return;
  await new Promise<void>((resolve) => peer.socket.write(bytes, () => resolve()));
};

/** Byte for byte, each in a segment of its own. */
export const dripping: Say = async (peer, bytes) => {
  for (const byte of Buffer.from(bytes)) {
    peer.write(Buffer.from([byte]));
    await nextTurn();
  }
};

/** What comes next, in one piece, as a single read would give it; nothing at the end. */
export const arrival = async ({ socket }: RawPeer): Promise<Buffer | undefined> => {
  for (;;) {
    const bytes = socket.read() as Buffer | null;
    if (bytes !== null) return bytes;
    if (socket.readableEnded || socket.destroyed) return undefined;
    await new Promise<void>((resolve) => {
      const wake = () => {
        for (const event of ['readable', 'end', 'close']) socket.off(event, wake);
        resolve();
      };
      for (const event of ['readable', 'end', 'close']) socket.on(event, wake);
    });
  }
};

/** Breaks all connections off, as a process that is killed does. */
export const resetAll = (...peers: readonly RawPeer[]): void => peers.forEach((peer) => peer.reset());

/** A client that speaks to a server of ours. */
export interface ScriptedClient {
  readonly control: RawPeer;
  ls(): Promise<string[]>;
  /** Rejects where the server has no such file. */
  get(name: string): Promise<Buffer>;
  /** Resolves when the server has it, as far as it says so; rejects where it says that it has not. */
  put(name: string, content: Buffer): Promise<void>;
  quit(): Promise<void>;
}

/** A server of scripted answers for a client of ours. */
export interface ScriptedServer {
  readonly files: Map<string, Buffer>;
  readonly say: Say;
  /** Where it vanishes, if it does: the connection is reset there. */
  readonly vanish?: 'at-once' | 'after-command' | 'in-content';
}

export interface ClassicScript {
  readonly dialect: DialectName;
  /** A client that has connected and read the greeting. */
  readonly connect: (test: TestContext, port: number, say: Say) => Promise<ScriptedClient>;
  /** Speaks with one client until it leaves. */
  readonly serve: (test: TestContext, control: RawPeer, server: ScriptedServer) => Promise<void>;
  /** Begins an upload and stops in the middle of its content; gives all connections. */
  readonly beginPut: (test: TestContext, port: number, name: string) => Promise<RawPeer[]>;
  /** Begins a download and stops before its content is read; gives all connections. */
  readonly beginGet: (test: TestContext, port: number, name: string) => Promise<RawPeer[]>;
  /** Whether a file of the same name is left as it is. */
  readonly keepsExisting?: boolean;
  /** Whether the folders of an upload's path are dropped. */
  readonly keepsLastName?: boolean;
  /** The first bytes of a command that never ends. */
  readonly endless: string | Buffer;
  /** A whole command with a name that is not UTF-8. */
  readonly badName: Buffer;
}

const text = (length: number): Buffer =>
  Buffer.concat([Buffer.from('The END of it all: ENDEND.\n'), Buffer.alloc(length, 'No more of these.\n')]).subarray(
    0,
    length,
  );

type Content = readonly [string, Buffer];

const SMALL_CONTENTS: readonly Content[] = [
  ['0 bytes', Buffer.alloc(0)],
  ['1 byte', Buffer.from('7')],
  ['1024 bytes', randomBytes(1024)],
  ['4096 bytes', randomBytes(4096)],
  ['digits only', Buffer.from('0123456789'.repeat(50))],
];

const LARGE_CONTENTS: readonly Content[] = [
  ['1 000 000 bytes of text', Buffer.concat([text(100), Buffer.alloc(999_900, 'no such word inside\n')])],
  ['1 000 000 random bytes', randomBytes(1_000_000)],
  ['1 048 576 bytes that begin with digits', Buffer.concat([Buffer.from('2024'), randomBytes(1_048_572)])],
];

/** What goes over one session, for each of some sessions side by side: pauses of large contents add up. */
const SESSIONS: readonly (readonly Content[])[] = [SMALL_CONTENTS, ...LARGE_CONTENTS.map((content) => [content])];

// They wait for pauses most of the time, and each has a server of its own.
const SIDE_BY_SIDE = { concurrency: 4 };

const namesIn = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();

/** Whether nothing of a transfer is left: no file under its name, no hidden part. */
const assertOnly = (folder: string, names: readonly string[]): Promise<void> =>
  until(`only ${names.join() || 'nothing'} in the folder`, async () => {
    return (await namesIn(folder)).join() === [...names].sort().join();
  });

const startClassic = (test: TestContext, { dialect }: ClassicScript, options: Partial<ServeOptions> = {}) =>
  startServer(test, { listen: [{ dialect, port: 0 }], ...options });

/** What our server does for a client that was written from the wire facts. */
export const serverCases = (script: ClassicScript): void => {
  const { connect, dialect } = script;

  describe(`a ${dialect} server`, SIDE_BY_SIDE, () => {
    it('lists its folder, an empty one too', async (test) => {
      const { root, port } = await startClassic(test, script);
      const client = await connect(test, port, whole);
      assert.deepEqual(await client.ls(), []);
      for (const name of ['a.txt', 'b.txt']) await writeFile(join(root, name), name);
      assert.deepEqual((await client.ls()).sort(), ['a.txt', 'b.txt']);
      await client.quit();
    });

    it('sends and takes every kind of content, one after the other', async (test) => {
      const { root, port } = await startClassic(test, script);
      const sendAndTake = async (contents: readonly Content[], session: number) => {
        const client = await connect(test, port, whole);
        for (const [index, [what, content]] of contents.entries()) {
          const name = `up${session}${index}`;
          await client.put(name, content);
          assert.ok(content.equals(await readFile(join(root, name))), `${what}, put`);
          assert.ok(content.equals(await client.get(name)), `${what}, got`);
        }
        await client.quit();
      };
      await Promise.all(SESSIONS.map(sendAndTake));
    });

    it('understands a client whose bytes come one at a time', async (test) => {
      const { root, port } = await startClassic(test, script);
      const client = await connect(test, port, dripping);
      const content = text(1500);
      await client.put('a.txt', content);
      assert.ok(content.equals(await readFile(join(root, 'a.txt'))));
      assert.ok(content.equals(await client.get('a.txt')));
      assert.deepEqual(await client.ls(), ['a.txt']);
    });

    it('says no to a missing file, and to every name that leaves the root', async (test) => {
      const folder = await temporaryFolder(test);
      const root = join(folder, 'root');
      await mkdir(root);
      await writeFile(join(folder, 'secret'), 'secret');
      const { port } = await startClassic(test, script, { root });
      const client = await connect(test, port, whole);
      for (const name of ['missing.txt', '../secret', join(folder, 'secret'), '..'])
        await assert.rejects(client.get(name), name);
      assert.deepEqual(await client.ls(), []);
      for (const name of ['../new', join(folder, 'new'), 'no/such/folder'])
        await (await connect(test, port, whole)).put(name, Buffer.from('x')).catch(() => undefined);
      await assertOnly(folder, ['root', 'secret']);
      await assertOnly(root, script.keepsLastName ? ['folder', 'new'] : []);
    });

    it(script.keepsExisting ? 'keeps a file that exists' : 'replaces a file that exists', async (test) => {
      const { root, port } = await startClassic(test, script);
      await writeFile(join(root, 'a.txt'), 'old');
      const putting = (await connect(test, port, whole)).put('a.txt', Buffer.from('new'));
      if (script.keepsExisting) await assert.rejects(putting);
      else await putting;
      assert.equal(await readFile(join(root, 'a.txt'), 'utf8'), script.keepsExisting ? 'old' : 'new');
      await assertOnly(root, ['a.txt']);
    });

    it('changes nothing where it is read-only', async (test) => {
      const { root, port } = await startClassic(test, script, { readOnly: true });
      await (await connect(test, port, whole)).put('a.txt', Buffer.from('new')).catch(() => undefined);
      assert.deepEqual(await (await connect(test, port, whole)).ls(), []);
      await assertOnly(root, []);
    });

    it('says no to a file that another client is just uploading', async (test) => {
      const { root, port } = await startClassic(test, script);
      const uploader = await script.beginPut(test, port, 'a.txt');
      await until('the upload has begun', async () => (await namesIn(root)).length > 0);
      await assert.rejects((await connect(test, port, whole)).get('a.txt'));
      for (const peer of uploader) peer.reset();
      await assertOnly(root, []);
    });

    it('is none the worse for peers that vanish in any phase', async (test) => {
      const { root, port, events } = await startClassic(test, script);
      const big = randomBytes(20_000_000);
      await writeFile(join(root, 'big'), big);
      for (const leave of ['reset', 'end'] as const) {
        const away = (peers: readonly RawPeer[]) => {
          for (const peer of [...peers].reverse())
            if (leave === 'reset') peer.reset();
            else peer.socket.destroy();
        };
        away([await connectRaw(test, port)]);
        const half = await connectRaw(test, port);
        half.write(Buffer.from(script.endless).subarray(0, 2));
        await sleep(20);
        away([half]);
        const getting = await script.beginGet(test, port, 'big');
        away(getting);
        const putting = await script.beginPut(test, port, 'part.bin');
        await until('the upload has begun', async () => (await namesIn(root)).length > 1);
        away(putting);
        await assertOnly(root, ['big']);
      }
      await until('every session has ended', () => {
        const count = (type: string) => events.filter((event) => event.type === type).length;
        return count('session-opened') === 8 && count('session-closed') === 8;
      });
      assert.deepEqual(await (await connect(test, port, whole)).ls(), ['big']);
    });

    it('ends the session of a peer that sends without end', async (test) => {
      const { port } = await startClassic(test, script);
      const peer = await connectRaw(test, port);
      const closed = peer.rest();
      peer.write(script.endless);
      for (let round = 0; round < 64 && !peer.socket.destroyed; round += 1) {
        peer.write(Buffer.alloc(65_536, 'x'));
        await nextTurn();
      }
      await closed;
    });

    it('ends the session of a peer that is silent for too long, wherever it stands', async (test) => {
      const { root, port } = await startClassic(test, script, {
        limits: { idleMs: 300, stallMs: 300, quietMs: 100, dataMs: 300 },
      });
      const silent = await connectRaw(test, port);
      const [control] = await script.beginPut(test, port, 'part.bin');
      await Promise.all([silent.rest(), control?.rest()]);
      await assertOnly(root, []);
    });

    it('lives on after a name that is not UTF-8, and after noise', async (test) => {
      const { port } = await startClassic(test, script);
      for (const noise of [script.badName, randomBytes(300), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
        const peer = await connectRaw(test, port);
        peer.write(noise);
        await sleep(100);
        peer.reset();
      }
      assert.deepEqual(await (await connect(test, port, whole)).ls(), []);
    });

    it('serves clients side by side', async (test) => {
      const { root, port } = await startClassic(test, script);
      const clients = await Promise.all([1, 2, 3].map(() => connect(test, port, whole)));
      await Promise.all(clients.map((client, index) => client.put(`f${index}`, Buffer.from(`of ${index}`))));
      assert.deepEqual(await namesIn(root), ['f0', 'f1', 'f2']);
    });
  });
};

/** Waits for clients of ours and speaks with each as the script does. */
export const startScripted = async (
  test: TestContext,
  script: ClassicScript,
  server: Partial<ScriptedServer> = {},
): Promise<{ port: RawPort; files: Map<string, Buffer> }> => {
  const port = await openRawPort(test);
  const all: ScriptedServer = { files: new Map(), say: whole, ...server };
  const serveAll = async (): Promise<never> => {
    for (;;) {
      const control = await port.accept();
      control.socket.setNoDelay(true);
      // A client that leaves ends its script; what went wrong then shows at the client.
      script.serve(test, control, all).catch(() => control.socket.destroy());
    }
  };
  void serveAll();
  return { port, files: all.files };
};

const namesOf = async (client: Client): Promise<string[]> =>
  (await valuesOf(client.list([]))).map(({ name }) => name).sort();

/** What our client does with a server that was written from the wire facts. */
export const clientCases = (script: ClassicScript): void => {
  const { dialect } = script;
  const start = async (test: TestContext, server: Partial<ScriptedServer> = {}) => {
    const { port, files } = await startScripted(test, script, server);
    const client = await startClient(test, port, { dialect, timeoutMs: 2000, stallMs: 2000 });
    const folder = await temporaryFolder(test);
    const get = (name: string) => lastValueFrom(client.download([name], join(folder, name)));
    const put = async (name: string, content: Buffer) => {
      await writeFile(join(folder, name), content);
      return lastValueFrom(client.upload(join(folder, name), [name]));
    };
    return { client, files, folder, get, put };
  };

  describe(`a ${dialect} client`, SIDE_BY_SIDE, () => {
    it('lists, an empty folder too, and takes its leave', async (test) => {
      const { client, files } = await start(test);
      assert.deepEqual(await namesOf(client), []);
      for (const name of ['b.txt', 'a.txt']) files.set(name, Buffer.from(name));
      assert.deepEqual(await namesOf(client), ['a.txt', 'b.txt']);
      await client.quit();
    });

    it('gets and puts every kind of content, one after the other', async (test) => {
      const getAndPut = async (contents: readonly Content[]) => {
        const { files, folder, get, put } = await start(test);
        for (const [index, [what, content]] of contents.entries()) {
          const name = `f${index}`;
          assert.equal((await put(name, content)).bytes, content.length);
          assert.ok(files.get(name)?.equals(content), `${what}, put`);
          const { state, bytes } = await get(name);
          assert.deepEqual([state, bytes], ['completed', content.length]);
          assert.ok(content.equals(await readFile(join(folder, name))), `${what}, got`);
        }
      };
      await Promise.all(SESSIONS.map(getAndPut));
    });

    it('understands a server whose bytes come one at a time', async (test) => {
      const content = text(1500);
      const { client, folder, get, put } = await start(test, {
        files: new Map([['a.txt', content]]),
        say: dripping,
      });
      await get('a.txt');
      assert.ok(content.equals(await readFile(join(folder, 'a.txt'))));
      await put('b.txt', content);
      assert.deepEqual(await namesOf(client), ['a.txt', 'b.txt']);
    });

    it('says of a missing file that there is none, leaves none, and goes on', async (test) => {
      const { client, folder, get } = await start(test, { files: new Map([['a.txt', Buffer.from('a')]]) });
      await failsWith('NOT_FOUND', get('missing.txt'));
      await assertOnly(folder, []);
      await get('a.txt');
      assert.deepEqual(await namesOf(client), ['a.txt']);
    });

    it('says clearly what the dialect cannot do, and goes on', async (test) => {
      const { client } = await start(test);
      const error = await failsWith('UNSUPPORTED', client.hash(['a.txt'], 'sha256'));
      assert.match(error.message, new RegExp(dialect));
      await failsWith('UNSUPPORTED', client.space());
      assert.deepEqual(await namesOf(client), []);
    });

    it('does one thing after the other, however much is asked at once', async (test) => {
      const { client, get } = await start(test, { files: new Map([['a.txt', Buffer.from('a')]]) });
      const [, names] = await Promise.all([get('a.txt'), namesOf(client)]);
      assert.deepEqual(names, ['a.txt']);
    });

    for (const vanish of ['at-once', 'after-command', 'in-content'] as const)
      it(`leaves nothing behind a server that vanishes ${vanish.replace('-', ' ')}`, async (test) => {
        const files = new Map([['a.txt', randomBytes(500_000)]]);
        const { port } = await startScripted(test, script, { files, vanish });
        const folder = await temporaryFolder(test);
        await writeFile(join(folder, 'up'), files.get('a.txt') ?? '');
        const attempt = async (act: (client: Client) => Promise<unknown>) => {
          const client = await startClient(test, port, { dialect, timeoutMs: 500, stallMs: 500 });
          await act(client);
        };
        const isTyped = (error: unknown) => error instanceof SluiceError && error.code !== 'INTERNAL';
        await assert.rejects(
          attempt((client) => lastValueFrom(client.download(['a.txt'], join(folder, 'a.txt')))),
          isTyped,
        );
        await assert.rejects(
          attempt((client) => lastValueFrom(client.upload(join(folder, 'up'), ['up']))),
          isTyped,
        );
        await assertOnly(folder, ['up']);
      });
  });
};

/** Our client and our server of a dialect with each other. */
export const pairCases = ({ dialect, keepsExisting }: ClassicScript): void => {
  const start = async (test: TestContext, options: Partial<ServeOptions> = {}) => {
    const server: TestServer = await startServer(test, { listen: [{ dialect, port: 0 }], ...options });
    const client = await startClient(test, server, { dialect });
    const folder = await temporaryFolder(test);
    return { server, client, folder };
  };

  describe(`client and server of ${dialect}`, SIDE_BY_SIDE, () => {
    it('move a file both ways and tell what goes wrong', async (test) => {
      const { server, client, folder } = await start(test);
      const content = randomBytes(100_000);
      await writeFile(join(folder, 'a'), content);
      await lastValueFrom(client.upload(join(folder, 'a'), ['a']));
      await lastValueFrom(client.download(['a'], join(folder, 'b')));
      assert.ok(content.equals(await readFile(join(folder, 'b'))));
      await failsWith('NOT_FOUND', lastValueFrom(client.download(['none'], join(folder, 'none'))));
      assert.deepEqual(await namesOf(client), ['a']);
      if (keepsExisting) await assert.rejects(lastValueFrom(client.upload(join(folder, 'a'), ['a'])));
      await client.quit();
      await server.event('session-closed');
      assert.deepEqual(await namesIn(folder), ['a', 'b']);
    });

    it('list a folder by its name, and say of one that is not there that there is none', async (test) => {
      const { server, client } = await start(test);
      await mkdir(join(server.root, 'sub'));
      await writeFile(join(server.root, 'sub', 'a.txt'), 'a');
      const names = (await valuesOf(client.list(['sub']))).map(({ name }) => name);
      assert.deepEqual(names, ['a.txt']);
      await failsWith('NOT_FOUND', valuesOf(client.list(['nowhere'])));
    });

    it('tell a refused upload from one that was kept', async (test) => {
      const { client, folder } = await start(test, { readOnly: true });
      await writeFile(join(folder, 'a'), randomBytes(1000));
      await assert.rejects(lastValueFrom(client.upload(join(folder, 'a'), ['a'])), SluiceError);
    });
  });
};
