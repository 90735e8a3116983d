import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import {
  type ClassicScript,
  type Say,
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

const trailer = (content: Buffer): string => `END${createHash('md5').update(content).digest('hex')}`;

const readLine = async (peer: RawPeer): Promise<string> => {
  let text = '';
  while (!text.endsWith('\n')) text += (await peer.bytes(1)).toString('latin1');
  return text;
};

/** Content up to the end of the connection, whose last 35 bytes are the trailer. */
const readContent = async (data: RawPeer): Promise<Buffer> => {
  const wire = await data.rest();
  if (data.socket.errored) throw data.socket.errored;
  const content = wire.subarray(0, Math.max(0, wire.length - 35));
  assert.equal(wire.toString('latin1', content.length), trailer(content));
  return content;
};

/** Waits for the server on a port, and names that with the command. */
const ask = async (test: TestContext, control: RawPeer, words: string, say: Say = whole): Promise<RawPeer> => {
  const port = await openRawPort(test);
  await say(control, `${words} ${port.port}`);
  const data = await port.accept();
  port.close();
  return data;
};

const script: ClassicScript = {
  dialect: 'cftp',
  connect: async (test, port, say) => {
    const control = await connectRaw(test, port);
    const settle = async (command: string) =>
      assert.equal(await readLine(control), `${command} command executed successfully.\n`);
    return {
      control,
      ls: async () => {
        await say(control, 'ls');
        let text = '';
        while (!text.endsWith('successfully.\n')) text += String(await arrival(control));
        const [names = '', status] = text.split('END_OF_LS');
        assert.equal(status, 'LS command executed successfully.\n');
        return names.split('\n').filter(Boolean);
      },
      get: async (name) => {
        const data = await ask(test, control, `get ${name}`, say);
        const content = await readContent(data).catch((error: unknown) => error);
        await settle('GET');
        if (!Buffer.isBuffer(content)) throw content;
        return content;
      },
      put: async (name, content) => {
        const data = await ask(test, control, `put ${name}`, say);
        for (const part of [content, 'END', trailer(content).slice(3)]) await say(data, part);
        data.socket.end();
        await settle('PUT');
      },
      quit: async () => {
        await say(control, 'QUIT');
        assert.equal((await control.rest()).length, 0);
      },
    };
  },
  serve: async (test, control, { files, say, vanish }) => {
    if (vanish === 'at-once') return control.reset();
    for (;;) {
      const text = await arrival(control);
      if (text === undefined) return;
      const [word = '', name = '', port] = text.toString().split(' ');
      if (word === 'quit') return void control.socket.destroy();
      if (vanish === 'after-command') return control.reset();
      if (word === 'ls') {
        await say(control, [...files.keys()].join('\n'));
        await say(control, '\nEND_OF_LS');
      } else {
        const data = await connectRaw(test, Number(port));
        if (word === 'get') {
          const content = files.get(name);
          if (vanish === 'in-content')
            return (await say(data, content?.subarray(0, 9000) ?? ''), resetAll(data, control));
          await say(data, content ?? 'Error: File not found');
          if (content !== undefined) await say(data, trailer(content));
          data.socket.end();
        } else {
          if (vanish === 'in-content') return (await data.bytes(2000), resetAll(data, control));
          files.set(name, await readContent(data));
          data.socket.end();
        }
      }
      await say(control, `${word.toUpperCase()} command executed successfully.\n`);
    }
  },
  beginPut: async (test, port, name) => {
    const control = await connectRaw(test, port);
    const data = await ask(test, control, `put ${name}`);
    await whole(data, 'half of a content that is long enough to be one');
    return [control, data];
  },
  beginGet: async (test, port, name) => {
    const control = await connectRaw(test, port);
    const data = await ask(test, control, `get ${name}`);
    await data.bytes(20);
    return [control, data];
  },
  endless: 'get ',
  badName: Buffer.from('get \xff\xfe 40000', 'latin1'),
};

serverCases(script);
clientCases(script);
pairCases(script);
