import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type ClassicScript, clientCases, pairCases, resetAll, serverCases, whole } from '../helpers/classic-cases.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { type RawPeer, connectRaw, rawFrame } from '../helpers/raw-peer.ts';
import { openRawPort } from '../helpers/raw-server.ts';

checkLeaks();

/** Everything in the frames up to the end of the connection; nothing if there was none. */
const readFrames = async (data: RawPeer): Promise<Buffer | undefined> => {
  const wire = await data.rest();
  if (data.socket.errored) throw data.socket.errored;
  if (wire.length === 0) return undefined;
  const payloads: Buffer[] = [];
  for (let at = 0; at < wire.length;) {
    const header = wire.toString('latin1', at, at + 10);
    assert.match(header, /^\d{10}$/);
    payloads.push(wire.subarray(at + 10, at + 10 + Number(header)));
    assert.equal(payloads.at(-1)?.length, Number(header));
    at += 10 + Number(header);
  }
  return Buffer.concat(payloads);
};

const openData = async (test: TestContext, control: RawPeer): Promise<RawPeer> =>
  connectRaw(test, Number((await control.frame()).toString()));

const script: ClassicScript = {
  dialect: 'framed',
  keepsExisting: true,
  connect: async (test, port, say) => {
    const control = await connectRaw(test, port);
    const ask = async (word: string) => {
      await say(control, rawFrame(word));
      return openData(test, control);
    };
    return {
      control,
      ls: async () => {
        const listing = (await readFrames(await ask('ls')))?.toString();
        assert.ok(listing !== undefined);
        return listing === '' ? [] : listing.trimEnd().split('\n');
      },
      get: async (name) => {
        const data = await ask('get');
        await say(data, rawFrame(name));
        const content = await readFrames(data);
        assert.ok(content !== undefined, 'there is no such file');
        return content;
      },
      put: async (name, content) => {
        const data = await ask('put');
        await say(data, rawFrame(name));
        await say(data, rawFrame(content));
        data.socket.end();
        assert.equal((await data.rest()).length, 0);
        if (data.socket.errored) throw data.socket.errored;
      },
      quit: async () => {
        await say(control, rawFrame('exit'));
        assert.equal((await control.rest()).length, 0);
      },
    };
  },
  serve: async (test, control, { files, say, vanish }) => {
    if (vanish === 'at-once') return control.reset();
    for (;;) {
      const word = (await control.frame()).toString();
      if (word === 'quit') return void control.socket.destroy();
      if (vanish === 'after-command') return control.reset();
      const port = await openRawPort(test);
      await say(control, rawFrame(String(port.port)));
      const data = await port.accept();
      port.close();
      if (word === 'ls') await say(data, rawFrame([...files.keys()].join('\n')));
      else {
        const name = (await data.frame()).toString();
        if (word === 'get') {
          const content = files.get(name);
          if (vanish === 'in-content') {
            await say(data, rawFrame(content ?? '').subarray(0, 100_000));
            return resetAll(data, control);
          }
          if (content !== undefined) await say(data, rawFrame(content));
        } else {
          if (vanish === 'in-content') return (await data.bytes(2000), resetAll(data, control));
          files.set(name, (await readFrames(data)) ?? Buffer.from('nothing came'));
        }
      }
      data.socket.end();
    }
  },
  beginPut: async (test, port, name) => {
    const control = await connectRaw(test, port);
    await whole(control, rawFrame('put'));
    const data = await openData(test, control);
    await whole(data, Buffer.concat([rawFrame(name), Buffer.from('0000000100half')]));
    return [control, data];
  },
  beginGet: async (test, port, name) => {
    const control = await connectRaw(test, port);
    await whole(control, rawFrame('get'));
    const data = await openData(test, control);
    await whole(data, rawFrame(name));
    await data.bytes(20);
    return [control, data];
  },
  endless: '9999999999',
  badName: rawFrame(Buffer.from('get \xff\xfe', 'latin1')),
};

serverCases(script);
clientCases(script);
pairCases(script);
