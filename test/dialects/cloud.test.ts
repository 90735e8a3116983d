import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClassicScript, arrival, clientCases, pairCases, serverCases, whole } from '../helpers/classic-cases.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RawPeer, connectRaw } from '../helpers/raw-peer.ts';

checkLeaks();

// A reader that takes one arrival for one message needs those that belong together to come together.
const reply = async (peer: RawPeer): Promise<string> => String(await arrival(peer));

const connect = async (...[test, port]: Parameters<ClassicScript['connect']>): Promise<RawPeer> => {
  const peer = await connectRaw(test, port);
  assert.equal(await reply(peer), 'OK@Welcome to the server');
  return peer;
};

const script: ClassicScript = {
  dialect: 'cloud',
  keepsLastName: true,
  connect: async (test, port, say) => {
    const control = await connect(test, port, say);
    return {
      control,
      ls: async () => {
        await say(control, 'DIR');
        const text = await reply(control);
        assert.ok(text.startsWith('OK@'));
        return text === 'OK@Directory empty' ? [] : text.slice(3).split('\n');
      },
      get: async (name) => {
        await say(control, `DOWNLOAD ${name}`);
        const answer = await reply(control);
        if (answer === 'OK') throw new Error(await reply(control));
        assert.equal(answer, 'download');
        const content = await control.bytes(Number(await reply(control)));
        await say(control, 'complete');
        assert.equal(await reply(control), 'OK@Download complete');
        return content;
      },
      // As the original does: the parts are not kept apart, and the size may run into the content.
      put: async (name, content) => {
        for (const part of ['UPLOAD', `${name} ${content.length}`, content]) await say(control, part);
        assert.equal(await reply(control), 'OK@File uploaded');
      },
      quit: async () => {
        await say(control, 'DISCONNECT');
        assert.equal((await control.rest()).toString(), 'DISCONNECTED@Disconnected');
      },
    };
  },
  serve: async (_test, control, { files, say, vanish }) => {
    if (vanish === 'at-once') return control.reset();
    await say(control, 'OK@Welcome to the server');
    for (;;) {
      const text = await arrival(control);
      if (text === undefined) return;
      const [word = '', name = ''] = text.toString().split(' ');
      if (word === 'DISCONNECT') {
        await say(control, 'DISCONNECTED@Disconnected');
        return void control.socket.destroy();
      }
      if (vanish === 'after-command') return control.reset();
      if (word === 'DIR') await say(control, `OK@${[...files.keys()].join('\n') || 'Directory empy'}`);
      if (word === 'DOWNLOAD') {
        const content = files.get(name);
        if (content === undefined) {
          // Two sends that TCP may well make one of.
          await say(control, 'OK');
          await say(control, `OK@${name} does not exist`);
          continue;
        }
        await say(control, 'download');
        await say(control, String(content.length));
        if (vanish === 'in-content') return (await say(control, content.subarray(0, 9000)), control.reset());
        await say(control, content);
        assert.equal(await reply(control), 'complete');
        await say(control, 'OK@Download complete');
      }
      if (word === 'UPLOAD') {
        const [file = '', size] = (await reply(control)).split(' ');
        if (vanish === 'in-content') return (await control.bytes(2000), control.reset());
        files.set(file, await control.bytes(Number(size)));
        await say(control, 'OK@File uploaded');
      }
    }
  },
  beginPut: async (test, port, name) => {
    const peer = await connect(test, port, whole);
    await whole(peer, 'UPLOAD');
    // Of a small file nothing is on the disk before all of it is there.
    await whole(peer, `${name} 1000000`);
    await sleep(400);
    await whole(peer, 'half');
    return [peer];
  },
  beginGet: async (test, port, name) => {
    const peer = await connect(test, port, whole);
    await whole(peer, `DOWNLOAD ${name}`);
    await peer.bytes(20);
    return [peer];
  },
  endless: 'DOWNLOAD ',
  badName: Buffer.from('DOWNLOAD \xff\xfe', 'latin1'),
};

serverCases(script);
clientCases(script);
pairCases(script);
