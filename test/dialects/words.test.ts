import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type ClassicScript,
  arrival,
  clientCases,
  pairCases,
  resetAll,
  serverCases,
  whole,
} from '../helpers/classic-cases.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RawPeer, connectRaw } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';

checkLeaks();

const NO_FILE = 'File does not exist!!!';

/** Frames of four digits and at most 1024 bytes; a shorter one is the last. */
const frames = (content: Buffer): Buffer[] =>
  Array.from({ length: Math.floor(content.length / 1024) + 1 }, (_, index) => {
    const payload = content.subarray(index * 1024, (index + 1) * 1024);
    return Buffer.concat([Buffer.from(String(payload.length).padStart(4, '0')), payload]);
  });

const readFrames = async (data: RawPeer): Promise<Buffer> => {
  const payloads: Buffer[] = [];
  for (;;) {
    const header = (await data.bytes(4)).toString('latin1');
    assert.match(header, /^\d{4}$/);
    const payload = await data.bytes(Number(header));
    payloads.push(payload);
    if (payload.length < 1024) return Buffer.concat(payloads);
  }
};

const openData = async (test: TestContext, control: RawPeer): Promise<RawPeer> => {
  const port = String(await arrival(control));
  assert.match(port, /^\d{4,5}$/);
  return connectRaw(test, Number(port));
};

const script: ClassicScript = {
  dialect: 'words',
  connect: async (test, port, say) => {
    const control = await connectRaw(test, port);
    const ask = async (words: string) => {
      await say(control, words);
      return openData(test, control);
    };
    return {
      control,
      ls: async () => {
        const lines = (await readFrames(await ask('ls'))).toString().split('\n');
        assert.equal(lines.pop(), '');
        return lines;
      },
      get: async (name) => readFrames(await ask(`get ${name}`)),
      put: async (name, content) => {
        const data = await ask(`put ${name}`);
        for (const frame of frames(content)) await say(data, frame);
        assert.deepEqual(await data.rest(), Buffer.alloc(0));
        if (data.socket.errored) throw data.socket.errored;
      },
      quit: async () => {
        await say(control, 'quit');
        assert.equal((await control.rest()).length, 0);
      },
    };
  },
  serve: async (test, control, { files, say, vanish }) => {
    if (vanish === 'at-once') return control.reset();
    for (;;) {
      const read = await arrival(control);
      if (read === undefined) return;
      const [word, name = ''] = read.toString().split(' ');
      if (word === 'quit') return void control.socket.destroy();
      if (vanish === 'after-command') return control.reset();
      const port = await openRawPort(test);
      await say(control, String(port.port));
      const data = await port.accept();
      port.close();
      if (word === 'ls')
        for (const frame of frames(Buffer.from([...files.keys()].map((key) => `${key}\n`).join(''))))
          await say(data, frame);
      if (word === 'get') {
        const content = files.get(name);
        const wire = content === undefined ? [Buffer.from(NO_FILE)] : frames(content);
        for (const [index, frame] of wire.entries()) {
          if (vanish === 'in-content' && index === 3) return resetAll(data, control);
          await say(data, frame);
        }
      }
      if (word === 'put') {
        if (vanish === 'in-content') {
          await data.bytes(2000);
          return resetAll(data, control);
        }
        files.set(name, await readFrames(data));
      }
      data.socket.end();
      data.socket.resume();
    }
  },
  beginPut: async (test, port, name) => {
    const control = await connectRaw(test, port);
    await whole(control, `put ${name}`);
    const data = await openData(test, control);
    await whole(data, '1024half');
    return [control, data];
  },
  beginGet: async (test, port, name) => {
    const control = await connectRaw(test, port);
    await whole(control, `get ${name}`);
    const data = await openData(test, control);
    await data.bytes(10);
    return [control, data];
  },
  endless: 'get ',
  badName: Buffer.from('get \xff\xfe', 'latin1'),
};

serverCases(script);
clientCases(script);
pairCases(script);
