import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type ClassicScript, clientCases, pairCases, resetAll, serverCases, whole } from '../helpers/classic-cases.ts';
import { freePorts } from '../helpers/free-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RawPeer, connectRaw } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';

checkLeaks();

/** Lines up to an empty one. */
const readLines = async (peer: RawPeer): Promise<string[]> => {
  let text = '';
  while (!text.endsWith('\n\n')) text += (await peer.bytes(1)).toString('latin1');
  return Buffer.from(text, 'latin1').toString().split('\n').slice(0, -2);
};

const openData = async (test: TestContext, control: RawPeer, say = whole): Promise<RawPeer> => {
  const port = await freePorts(1);
  await say(control, `OPEN ${port}\n\n`);
  const [reply = ''] = await readLines(control);
  assert.equal(reply, `OPENED ${port}`);
  return connectRaw(test, port);
};

const assertInOrder = ({ socket }: RawPeer): void => {
  if (socket.errored) throw socket.errored;
};

const script: ClassicScript = {
  dialect: 'blocks',
  connect: async (test, port, say) => {
    const control = await connectRaw(test, port);
    const ask = async (request: string) => {
      const data = await openData(test, control, say);
      await say(data, request);
      return data;
    };
    return {
      control,
      ls: async () => {
        const data = await ask('LS .\r\n\r\n');
        const lines = (await data.rest()).toString().split('\n');
        assert.equal(lines.pop(), '');
        return lines;
      },
      get: async (name) => {
        const data = await ask(`GET\nFILENAME: ${name}\n\n`);
        const content = await data.rest();
        if (data.socket.errored) assert.match((await readLines(control)).join(), /^ERROR /);
        assertInOrder(data);
        return content;
      },
      put: async (name, content) => {
        const data = await ask(`PUT\nFILENAME: ${name}\nFILESIZE: ${content.length}\n\n`);
        await say(data, content);
        assert.equal((await data.rest()).length, 0);
        assertInOrder(data);
      },
      quit: async () => {
        control.socket.end();
        assert.equal((await control.rest()).length, 0);
      },
    };
  },
  serve: async (test, control, { files, say, vanish }) => {
    if (vanish === 'at-once') return control.reset();
    for (;;) {
      const [open = ''] = await readLines(control);
      if (open === 'QUIT') return void control.socket.destroy();
      if (vanish === 'after-command') return control.reset();
      const number = Number(/^OPEN (\d+)$/.exec(open)?.[1]);
      const port = await openRawPort(test, { port: number });
      await say(control, `OPENED ${number}\n\n`);
      const data = await port.accept();
      port.close();
      const [word = '', file = '', length = ''] = await readLines(data);
      const name = file.replace('FILENAME: ', '');
      if (word === 'LS .') await say(data, [...files.keys()].join('\n'));
      if (word === 'GET') {
        const content = files.get(name);
        if (content === undefined) {
          await say(control, `ERROR ${name}: no such file\n\n`);
          data.reset();
          continue;
        }
        if (vanish === 'in-content') return (await say(data, content.subarray(0, 9000)), resetAll(data, control));
        await say(data, content);
      }
      if (word === 'PUT') {
        if (vanish === 'in-content') return (await data.bytes(2000), resetAll(data, control));
        files.set(name, await data.bytes(Number(length.replace('FILESIZE: ', ''))));
      }
      data.socket.end();
      data.socket.resume();
    }
  },
  beginPut: async (test, port, name) => {
    const control = await connectRaw(test, port);
    const data = await openData(test, control);
    await whole(data, `PUT\nFILENAME: ${name}\nFILESIZE: 100\n\nhalf`);
    return [control, data];
  },
  beginGet: async (test, port, name) => {
    const control = await connectRaw(test, port);
    const data = await openData(test, control);
    await whole(data, `GET\nFILENAME: ${name}\n\n`);
    await data.bytes(20);
    return [control, data];
  },
  endless: 'OPEN ',
  badName: Buffer.from('OPEN \xff\xfe\n\n', 'latin1'),
};

serverCases(script);
clientCases(script);
pairCases(script);
