import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastValueFrom } from 'rxjs';
import { type DialectName, LocalFolderStore } from '../../lib/index.ts';
import { findSize } from '../../lib/dialects/cloud/sized-header.ts';
import { cftpEncoder } from '../../lib/dialects/cftp/content.ts';
import { parseListing, parseListingOrError } from '../../lib/dialects/classic/listing.ts';
import { arrival, whole } from '../helpers/classic-cases.ts';
import { valuesOf } from '../helpers/collect.ts';
import { inPiecesOf } from '../helpers/cuts.ts';
import { failsWith } from '../helpers/errors.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { freePorts } from '../helpers/free-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { connectRaw, rawFrame, until } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

// What programs of these families do beside what every dialect's own test tries.

const start = (test: TestContext, dialect: DialectName) => startServer(test, { listen: [{ dialect, port: 0 }] });

describe('a framed server', () => {
  it('takes a content of one byte a frame, which ends with the connection', async (test) => {
    const { port, root } = await start(test, 'framed');
    const control = await connectRaw(test, port);
    control.write(rawFrame('put'));
    const data = await connectRaw(test, Number(await control.frame()));
    data.write(rawFrame('a.txt'));
    for (const byte of 'hello') data.write(rawFrame(byte));
    data.socket.end();
    await data.rest();
    assert.equal(await readFile(join(root, 'a.txt'), 'utf8'), 'hello');
  });

  it('takes a name that comes with the command', async (test) => {
    const { port, root } = await start(test, 'framed');
    await writeFile(join(root, 'with blanks.txt'), 'hello');
    const control = await connectRaw(test, port);
    control.write(rawFrame('get with blanks.txt'));
    const data = await connectRaw(test, Number(await control.frame()));
    assert.equal((await data.rest()).toString(), '0000000005hello');
  });

  it('keeps nothing of an upload that ends before its first frame with its client', async (test) => {
    const { port, root } = await start(test, 'framed');
    const control = await connectRaw(test, port);
    control.write(rawFrame('put'));
    const data = await connectRaw(test, Number(await control.frame()));
    data.write(rawFrame('a.txt'));
    data.socket.end();
    control.socket.end();
    await data.rest();
    assert.deepEqual(await readdir(root), []);
  });

  it('takes an upload without a frame for an empty file, of a client that lives on', async (test) => {
    const { port, root } = await start(test, 'framed');
    const control = await connectRaw(test, port);
    control.write(rawFrame('put'));
    const data = await connectRaw(test, Number(await control.frame()));
    data.write(rawFrame('a.txt'));
    data.socket.end();
    await data.rest();
    assert.equal(await readFile(join(root, 'a.txt'), 'utf8'), '');
  });

  it('outlives clients that connect for a listing and leave without reading it', async (test) => {
    const { port } = await start(test, 'framed');
    for (let round = 0; round < 5; round += 1) {
      const control = await connectRaw(test, port);
      control.write(rawFrame('ls'));
      const data = await connectRaw(test, Number(await control.frame()));
      data.reset();
      control.reset();
    }
    const control = await connectRaw(test, port);
    control.write(rawFrame('ls'));
    const data = await connectRaw(test, Number(await control.frame()));
    assert.equal((await data.rest()).toString(), '0000000000');
  });
});

describe('a framed client', () => {
  it('goes on trying a port that is named a moment before it is opened', async (test) => {
    const port = await openRawPort(test);
    const client = await startClient(test, port, { dialect: 'framed' });
    const listing = valuesOf(client.list([]));
    const control = await port.accept();
    await control.frame();
    const late = await freePorts(1);
    control.write(rawFrame(String(late)));
    await sleep(100);
    const data = await (await openRawPort(test, { port: late })).accept();
    data.write(rawFrame('0total 4\n-rw-r--r-- 1 a b 12 Jan  1 10:00 a b.txt\ndrwxr-xr-x 2 a b 40 Jan  1 10:00 pub\n'));
    data.socket.end();
    assert.deepEqual(
      (await listing).map(({ name, kind, size }) => [name, kind, size]),
      [
        ['a b.txt', 'file', 12],
        ['pub', 'folder', 40],
      ],
    );
  });

  it('takes a content in many frames', async (test) => {
    const port = await openRawPort(test);
    const client = await startClient(test, port, { dialect: 'framed' });
    const folder = await temporaryFolder(test);
    const done = lastValueFrom(client.download(['a'], join(folder, 'a')));
    const control = await port.accept();
    await control.frame();
    const own = await openRawPort(test);
    control.write(rawFrame(String(own.port)));
    const data = await own.accept();
    assert.equal((await data.frame()).toString(), 'a');
    for (const piece of inPiecesOf(3, Buffer.from('hello, world'))) data.write(rawFrame(piece));
    data.socket.end();
    assert.equal((await done).bytes, 12);
    assert.equal(await readFile(join(folder, 'a'), 'utf8'), 'hello, world');
  });
});

describe('a server that waits for a data connection', () => {
  const COMMANDS = { framed: rawFrame('ls'), words: 'ls', blocks: '' } as const;
  for (const dialect of ['framed', 'words', 'blocks'] as const)
    for (const leave of ['reset', 'end'] as const)
      it(`ends the session of a client that has left (${dialect}, ${leave})`, async (test) => {
        const server = await start(test, dialect);
        const control = await connectRaw(test, server.port);
        control.write(dialect === 'blocks' ? `OPEN ${await freePorts(1)}\n\n` : COMMANDS[dialect]);
        await arrival(control);
        if (leave === 'reset') control.reset();
        else control.socket.destroy();
        await until('the session has ended', () => server.events.some(({ type }) => type === 'session-closed'));
      });
});

describe('a client whose content ends with its connection', () => {
  /** Has a file asked for, and gives both connections when the server's part of it may begin. */
  const asked = async (test: TestContext, dialect: 'framed' | 'words' | 'blocks') => {
    const port = await openRawPort(test);
    const client = await startClient(test, port, { dialect, retries: 0 });
    const folder = await temporaryFolder(test);
    const done = lastValueFrom(client.download(['a'], join(folder, 'a')));
    const control = await port.accept();
    const command = String(await arrival(control));
    const wanted = Number(/\d+/.exec(command.replace(/^\d{10}/, ''))?.[0] ?? 0);
    const own = await openRawPort(test, { port: wanted });
    const answers = { framed: rawFrame(String(own.port)), words: String(own.port), blocks: `OPENED ${own.port}\n\n` };
    control.write(answers[dialect]);
    const data = await own.accept();
    if (dialect !== 'words') await arrival(data);
    return { done, control, data, folder };
  };
  const FULL = '1024'.padEnd(4 + 1024, 'x');
  const PARTS = { framed: rawFrame('half'), words: FULL, blocks: 'half' };

  for (const dialect of ['framed', 'words', 'blocks'] as const) {
    it(`keeps it where the server lives on (${dialect})`, async (test) => {
      const { done, data, folder } = await asked(test, dialect);
      data.socket.end(PARTS[dialect]);
      await done;
      assert.equal(await readFile(join(folder, 'a'), 'latin1'), dialect === 'words' ? FULL.slice(4) : 'half');
    });

    it(`keeps nothing where the server has died (${dialect})`, async (test) => {
      const { done, control, data, folder } = await asked(test, dialect);
      await whole(data, PARTS[dialect]);
      data.socket.destroy();
      control.socket.destroy();
      await failsWith('CLOSED_EARLY', done);
      assert.deepEqual(await readdir(folder), []);
    });
  }

  it('takes a connection without a frame for an empty file, of a words server that lives on', async (test) => {
    const { done, data, folder } = await asked(test, 'words');
    data.socket.end();
    assert.equal((await done).bytes, 0);
    assert.deepEqual(await readdir(folder), ['a']);
  });
});

describe('a words client', () => {
  it('takes a listing in one frame of more than 1024 bytes', async (test) => {
    const port = await openRawPort(test);
    const client = await startClient(test, port, { dialect: 'words' });
    const listing = valuesOf(client.list([]));
    const control = await port.accept();
    await arrival(control);
    const own = await openRawPort(test);
    control.write(String(own.port));
    const names = Array.from({ length: 200 }, (_, index) => `a file ${index + 100}.txt\n`).join('');
    (await own.accept()).write(`${names.length}${names}`);
    assert.equal((await listing).length, 200);
  });
});

describe('a listing', () => {
  it('is an error where it holds what a shell complains of', () => {
    for (const text of ['2ls: cannot access x: No such file', "2\nls: cannot access 'x': No such file\n"])
      assert.throws(() => parseListingOrError(text), { code: 'NOT_FOUND' }, text);
    assert.equal(parseListingOrError('2\nlsof: notes\n').length, 2);
  });

  it('is refused where a name in it could lead elsewhere', () => {
    for (const text of ['../a', 'a/b', 'a\u001b[2J', 'total 1\n-rw-r--r-- 1 a b 12 Jan 1 10:00 ../x'])
      assert.throws(() => parseListing(text), { code: 'PATH_INVALID' }, text);
  });
});

describe('a words server', () => {
  const FULL = Buffer.concat([Buffer.from('1024'), Buffer.alloc(1024, 'x')]);

  it('ends an upload of whole frames when the next command comes', async (test) => {
    const { port, root } = await start(test, 'words');
    const control = await connectRaw(test, port);
    control.write('put a.txt');
    const data = await connectRaw(test, Number(await arrival(control)));
    data.write(Buffer.concat([FULL, FULL]));
    await until('the upload has begun', async () => (await readdir(root)).length > 0);
    control.write('ls');
    const listing = await connectRaw(test, Number(await arrival(control)));
    assert.equal((await listing.bytes(10)).toString(), '0006a.txt\n');
    assert.equal((await readFile(join(root, 'a.txt'))).length, 2048);
  });

  it('ends it when the data connection ends, and takes an empty file that has no frame at all', async (test) => {
    const { port, root } = await start(test, 'words');
    const control = await connectRaw(test, port);
    control.write('put a.txt\n');
    const data = await connectRaw(test, Number(await arrival(control)));
    data.socket.end(FULL);
    await data.rest();
    assert.equal((await readFile(join(root, 'a.txt'))).length, 1024);
    control.write('put b.txt\n');
    await connectRaw(test, Number(await arrival(control)));
    control.write('ls\n');
    await arrival(control);
    assert.deepEqual((await readdir(root)).sort(), ['a.txt', 'b.txt']);
  });

  it('keeps nothing where the client says that it has no such file', async (test) => {
    const { port, root } = await start(test, 'words');
    const control = await connectRaw(test, port);
    control.write('put a.txt');
    const data = await connectRaw(test, Number(await arrival(control)));
    data.write('File does not exist!!!');
    await data.rest();
    assert.deepEqual(await readdir(root), []);
  });

  it('runs no shell, and answers a client that half-closes', async (test) => {
    const { port } = await start(test, 'words');
    const control = await connectRaw(test, port);
    control.socket.end('ls; touch evil');
    const data = await connectRaw(test, Number(await arrival(control)));
    assert.match((await data.rest()).toString(), /^\d{4}Error: /);
  });
});

describe('content of cftp', () => {
  it('comes with a pause inside every END of it, wherever its chunks are cut', () => {
    const content = Buffer.from('ENDEND, the END, EEND END');
    for (let size = 1; size <= content.length; size += 1) {
      const encoder = cftpEncoder({ apart: false });
      const segments = inPiecesOf(size, content).flatMap((chunk) => [...encoder.write(chunk)]);
      // What a reader that is quick enough sees at once: everything between two pauses.
      const reads = ['', ...segments.map(({ bytes, pauseMs }) => `${bytes.toString()}${pauseMs ? '|' : ''}`)]
        .join('')
        .split('|');
      assert.equal(reads.join(''), content.toString());
      for (const read of reads) assert.ok(!read.includes('END'), `${size}: ${read}`);
    }
  });

  it('is refused with a wrong MD5, and leaves nothing', async (test) => {
    const { port, root } = await start(test, 'cftp');
    const control = await connectRaw(test, port);
    const own = await openRawPort(test);
    control.write(`put a.txt ${own.port}`);
    const data = await own.accept();
    data.socket.end(`helloEND${'0'.repeat(32)}`);
    assert.match(String(await arrival(control)), /^Error: the MD5 of the content is 5d41402abc4b2a76b9719d911017c592/);
    assert.deepEqual(await readdir(root), []);
  });

  it('is asked for on no port below 1024', async (test) => {
    const { port } = await start(test, 'cftp');
    const control = await connectRaw(test, port);
    control.write('get a.txt 22');
    assert.match(String(await arrival(control)), /^Error: "22" is no port from 1024/);
  });
});

describe('a blocks client', () => {
  it('tries another port where the server cannot open one, and shows why in the end', async (test) => {
    const port = await openRawPort(test);
    const client = await startClient(test, port, { dialect: 'blocks' });
    const listing = failsWith('READ_FAILED', valuesOf(client.list([])));
    const control = await port.accept();
    for (let tries = 0; tries < 5; tries += 1) {
      assert.match(String(await arrival(control)), /^OPEN \d+\n\n$/);
      control.write('ERROR port in use\n\n');
    }
    assert.match((await listing).message, /port in use/);
  });
});

describe('a blocks server', () => {
  it('lists the folder that a request names', async (test) => {
    const { port, root } = await start(test, 'blocks');
    await mkdir(join(root, 'pub'));
    await writeFile(join(root, 'pub', 'a.txt'), '');
    const control = await connectRaw(test, port);
    const wanted = await freePorts(1);
    control.write(`OPEN ${wanted}\n\n`);
    assert.equal(String(await arrival(control)), `OPENED ${wanted}\n\n`);
    const data = await connectRaw(test, wanted);
    data.write('LS pub\n\n');
    assert.equal((await data.rest()).toString(), 'a.txt\n');
  });

  it('refuses ports that are taken, privileged or outside the range', async (test) => {
    const taken = await openRawPort(test);
    const dataPorts = { from: 40_000, to: 65_000 };
    const { port } = await startServer(test, { listen: [{ dialect: 'blocks', port: 0 }], dataPorts });
    const control = await connectRaw(test, port);
    for (const wanted of ['80', '2000', '70000', 'x', String(taken.port)]) {
      control.write(`OPEN ${wanted}\n\n`);
      assert.match(String(await arrival(control)), /^ERROR .*\n\n$/, wanted);
    }
  });
});

describe('the cloud dialect', () => {
  it('makes, enters, moves, removes, in a folder that is the session\u2019s own', async (test) => {
    const server = await start(test, 'cloud');
    const client = await startClient(test, server, { dialect: 'cloud' });
    const other = await startClient(test, server, { dialect: 'cloud' });
    await client.makeFolder(['d1']);
    await client.makeFolder(['d1', 'd2']);
    await writeFile(join(server.root, 'a.txt'), 'hello');
    await client.move(['a.txt'], ['d1', 'd2']);
    assert.deepEqual(await readdir(join(server.root, 'd1', 'd2')), ['a.txt']);
    assert.deepEqual(
      (await valuesOf(client.list(['d1', 'd2']))).map(({ name }) => name),
      ['a.txt'],
    );
    assert.deepEqual(
      (await valuesOf(other.list([]))).map(({ name }) => name),
      ['d1'],
    );
    // One sentence for both.
    await assert.rejects(client.removeFolder(['d1', 'd2']), /does not exist or d2 is not empty/);
    await client.remove(['d1', 'd2', 'a.txt']);
    await failsWith('NOT_FOUND', client.remove(['d1', 'd2', 'a.txt']));
    await client.removeFolder(['d1', 'd2']);
    await failsWith('NOT_FOUND', valuesOf(client.list(['nowhere'])));
    await failsWith('UNSUPPORTED', client.remove(['with blanks']));
    assert.deepEqual(
      (await valuesOf(client.list([]))).map(({ name }) => name),
      ['d1'],
    );
  });

  it('leaves a server in the folder where it came, for that may be the folder of all its clients', async (test) => {
    const port = await openRawPort(test);
    const client = startClient(test, port, { dialect: 'cloud' });
    const server = await port.accept();
    server.write('OK@Welcome to the server');
    const answer = async (command: string, reply: string) => {
      assert.equal(String(await arrival(server)), command);
      server.write(reply);
    };
    const listing = valuesOf((await client).list(['d1', 'd2']));
    for (const folder of ['d1', 'd2']) await answer(`CHDIR ${folder}`, 'OK@Directory changed to /somewhere');
    await answer('DIR', 'OK@a.txt');
    assert.equal((await listing).length, 1);
    const quitting = (await client).quit();
    for (let up = 0; up < 2; up += 1) await answer('CHDIR ..', 'OK@Directory changed to /somewhere');
    await answer('DISCONNECT', 'DISCONNECTED@Disconnected');
    await quitting;
  });

  it('says of a file that is being deleted that it is', async (test) => {
    const root = await temporaryFolder(test);
    const store = await LocalFolderStore.open(root);
    let finish: (() => void) | undefined;
    store.remove = () => new Promise<void>((resolve) => (finish = resolve));
    await writeFile(join(root, 'a.txt'), 'hello');
    const { port } = await startServer(test, { listen: [{ dialect: 'cloud', port: 0 }], store });
    const [one, other] = [await connectRaw(test, port), await connectRaw(test, port)];
    for (const peer of [one, other]) await arrival(peer);
    one.write('DELETE a.txt');
    await until('the file is being deleted', () => finish !== undefined);
    other.write('DOWNLOAD a.txt');
    assert.equal(String(await arrival(other)), 'OK');
    assert.match(String(await arrival(other)), /^OK@.*is being deleted/);
    finish?.();
    assert.equal(String(await arrival(one)), 'OK@File Deleted');
  });

  it('goes up to the root and no further', async (test) => {
    const { port } = await start(test, 'cloud');
    const peer = await connectRaw(test, port);
    await arrival(peer);
    for (const [command, reply] of [
      ['MKDIR d', 'OK@d file created'],
      ['CHDIR d', 'OK@Directory changed to /d'],
      ['CHDIR ..', 'OK@Directory changed to /'],
      ['CHDIR ..', 'OK@Directory changed to /'],
      ['DIR', 'OK@d'],
      ['RMDIR d', 'OK@d file deleted'],
      ['RMDIR d', 'OK@Either d does not exist or d is not empty'],
      ['DELETE d', 'OK@File does not exist'],
      ['DIR', 'OK@Directory empty'],
      ['CHDIR ../x', 'OK@Error occurred: "..": this name has a meaning of its own'],
      ['MOVE a', 'OK@Unknown command'],
      ['LOGIN', 'OK@Unknown command'],
    ] as const) {
      peer.write(command);
      assert.equal(String(await arrival(peer)), reply);
    }
  });
});

describe('findSize', () => {
  const CASES: readonly (readonly [string, string, number])[] = [
    ['a content that begins with a letter', '5hello', 5],
    ['a content that begins with digits', '1012345abcde', 10],
    ['a content of digits', '512345', 5],
    ['nothing behind it yet', '1000000', 1_000_000],
    ['an empty content', '0', 0],
  ];
  for (const [what, received, size] of CASES)
    it(`finds the size before ${what}`, () =>
      assert.deepEqual(findSize(Buffer.from(received), 0, 1000), { value: size, length: String(size).length }));

  it('waits while it cannot know', () => {
    assert.equal(findSize(Buffer.from('1012345'), 0, 0), undefined);
    assert.equal(findSize(Buffer.from('100abc'), 0, 1000), undefined);
    assert.equal(findSize(Buffer.alloc(0), 0, 0), undefined);
  });

  it('takes all digits for the size of a content that is too long to wait for', () => {
    const received = Buffer.concat([Buffer.from('90000000'), Buffer.alloc(5_000_000, 'x')]);
    assert.equal(findSize(received, 0, 0)?.value, 90_000_000);
  });

  it('refuses what is no size', () =>
    assert.throws(() => findSize(Buffer.from('x'), 0, 0), { code: 'MESSAGE_INVALID' }));
});

describe('a data port', () => {
  it('is not the control port in a dialect without tokens', async (test) => {
    const root = await temporaryFolder(test);
    for (const dialect of ['framed', 'words', 'blocks'] as const)
      await failsWith('OPTION_INVALID', startServer(test, { root, listen: [{ dialect, port: 0 }], dataPorts: 'same' }));
  });
});
