import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MessageError,
  decodeClientMessage,
  decodeHello,
  decodeServerMessage,
  decodeTrailer,
  decodeWelcome,
  encodeMessage,
  errorMessage,
  remoteError,
} from '../../lib/dialects/native/messages.ts';
import { FileError } from '../../lib/index.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const bytes = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

const failureOf = (decode: () => unknown): { code: string; id: number | undefined } => {
  try {
    decode();
  } catch (error) {
    if (error instanceof MessageError) return { code: error.code, id: error.id };
    throw error;
  }
  return assert.fail('the message was taken');
};

const TOKEN = '0f'.repeat(32);
const DIGEST = 'a0'.repeat(32);

describe('a client’s message', () => {
  it('comes out as it went in', () => {
    const message = { type: 'move', id: 3, from: ['a', 'ä'], to: [] } as const;
    assert.deepEqual(
      decodeClientMessage(Buffer.from(encodeMessage({ ...message, from: [...message.from], to: [] }))),
      message,
    );
  });

  it('loses the fields that it does not have', () => {
    const text = '{"type":"ping","id":1,"more":{"a":1},"__proto__":{"id":2}}';
    const message = decodeClientMessage(bytes(text));
    assert.deepEqual(message, { type: 'ping', id: 1 });
    assert.equal(Object.getPrototypeOf(message), Object.prototype);
  });

  it('of an unknown type is MESSAGE_UNKNOWN, with its id where that is one', () => {
    assert.deepEqual(
      failureOf(() => decodeClientMessage(bytes({ type: 'fly', id: 9 }))),
      {
        code: 'MESSAGE_UNKNOWN',
        id: 9,
      },
    );
    for (const id of [undefined, 0, -1, 1.5, '9', null, 2 ** 53])
      assert.deepEqual(
        failureOf(() => decodeClientMessage(bytes({ type: 'fly', id }))),
        {
          code: 'MESSAGE_UNKNOWN',
          id: undefined,
        },
      );
  });

  const INVALID = [
    { type: 'stat', id: 1 },
    { type: 'stat', id: 1, path: 'a' },
    { type: 'stat', id: 1, path: [1] },
    { type: 'stat', id: 1, path: ['x'.repeat(1021)] },
    { type: 'stat', id: 1, path: Array.from({ length: 257 }, () => 'a') },
    { type: 'list', id: 1, path: [], cursor: 'x'.repeat(65) },
    { type: 'list', id: 1, path: [], cursor: 5 },
    { type: 'rmdir', id: 1, path: [], recursive: 'yes' },
    { type: 'put', id: 1, path: [], size: -1 },
    { type: 'put', id: 1, path: [], size: 1.5 },
    { type: 'put', id: 1, path: [], mode: 0o1000 },
    { type: 'put', id: 1, path: [], overwrite: 'maybe' },
    { type: 'put', id: 1, path: [], fsync: null },
    { type: 'get', id: 1, path: [], data: { port: 2000 } },
    { type: 'get', id: 1, path: [], data: { port: 65_536, token: TOKEN } },
    { type: 'get', id: 1, path: [], data: { port: 2000, token: TOKEN.toUpperCase() } },
    { type: 'get', id: 1, path: [], data: { port: 2000, token: `${TOKEN.slice(1)}\n` } },
    { type: 'receipt', id: 1, bytes: 1 },
    { type: 'receipt', id: 1, bytes: 1, digest: DIGEST.toUpperCase() },
    { type: 'abort', id: 1, message: 'x'.repeat(1025) },
  ];
  for (const message of INVALID)
    it(`is invalid, and names its request, when it is ${JSON.stringify(message).slice(0, 70)}`, () => {
      assert.deepEqual(
        failureOf(() => decodeClientMessage(bytes(message))),
        { code: 'MESSAGE_INVALID', id: 1 },
      );
    });

  for (const text of ['', 'null', '5', '"ping"', '[]', '{}', '{"type":5,"id":1}', '{"type":"ping"', '\ufeff{}'])
    it(`is invalid when it is ${JSON.stringify(text)}`, () => {
      assert.equal(failureOf(() => decodeClientMessage(bytes(text))).code, 'MESSAGE_INVALID');
    });
});

describe('a hello', () => {
  it('of a client may offer digests that nobody knows', () => {
    const hello = { type: 'hello', version: 1, digests: ['sha256', 'md5'] };
    assert.deepEqual(decodeHello(bytes(hello)), hello);
  });

  it('is no other message', () => {
    assert.equal(failureOf(() => decodeHello(bytes({ type: 'ping', id: 1 }))).code, 'MESSAGE_UNKNOWN');
    assert.equal(
      failureOf(() => decodeWelcome(bytes({ type: 'bye', code: 'X', message: '' }))).code,
      'MESSAGE_UNKNOWN',
    );
  });

  it('of a server needs every limit', () => {
    const limits = { controlFrame: 1, dataFrame: 1024, transfers: 1, commands: 1, page: 1 };
    const welcome = { type: 'hello', version: 1, digest: 'sha256', login: 'none', limits };
    assert.deepEqual(decodeWelcome(bytes(welcome)), welcome);
    for (const name of Object.keys(limits))
      assert.throws(() => decodeWelcome(bytes({ ...welcome, limits: { ...limits, [name]: undefined } })), {
        code: 'MESSAGE_INVALID',
      });
    assert.throws(() => decodeWelcome(bytes({ ...welcome, limits: { ...limits, dataFrame: 1023 } })), {
      code: 'MESSAGE_INVALID',
    });
  });
});

describe('a server’s message', () => {
  it('may be an error of no request', () => {
    const error = { type: 'error', code: 'IDLE_TIMEOUT', message: 'idle' };
    assert.deepEqual(decodeServerMessage(bytes(error)), error);
  });

  for (const modified of [0, -1, 1e15, 1.5, 1e300])
    it(`${Number.isSafeInteger(modified) ? 'takes' : 'refuses'} ${modified} as the time of an entry`, () => {
      const entry = { name: 'a', kind: 'file', size: 1, modified, mode: 0 };
      const decode = () => decodeServerMessage(bytes({ type: 'entry', id: 1, entry }));
      if (Number.isSafeInteger(modified)) decode();
      else assert.throws(decode, { code: 'MESSAGE_INVALID' });
    });
});

describe('a trailer', () => {
  it('needs a length and a digest in lower case', () => {
    assert.deepEqual(decodeTrailer(bytes({ bytes: 0, digest: DIGEST, blocks: [] })), { bytes: 0, digest: DIGEST });
    for (const wrong of [{}, { bytes: -1, digest: DIGEST }, { bytes: 0, digest: DIGEST.slice(1) }, { bytes: 0 }])
      assert.throws(() => decodeTrailer(bytes(wrong)), { code: 'MESSAGE_INVALID' });
  });
});

describe('an error on the wire', () => {
  it('carries code, text and request, and no more text than is good for a frame', () => {
    const message = errorMessage(new FileError('NOT_FOUND', 'x'.repeat(100_000)), 4);
    assert.deepEqual([message.code, message.message.length, message.id], ['NOT_FOUND', 2048, 4]);
    assert.equal('id' in errorMessage(new FileError('NOT_FOUND', 'x')), false);
  });

  it('is INTERNAL where its code is not known here', () => {
    assert.equal(remoteError({ code: 'BUSY', message: '' }).code, 'BUSY');
    for (const code of ['NEVER_HEARD', '', 'toString', '__proto__'])
      assert.equal(remoteError({ code, message: 'text' }).code, 'INTERNAL');
  });
});
