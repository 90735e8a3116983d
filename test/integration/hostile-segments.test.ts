import assert from 'node:assert/strict';
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { lastValueFrom } from 'rxjs';
import type { ServeOptions } from '../../lib/index.ts';
import { availableDigests } from '../../lib/operators/digest.ts';
import { BLOCK_BYTES } from '../../lib/protocol/block.ts';
import { outcomeOf } from '../faults/scene.ts';
import { pattern } from '../helpers/collect.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { MODIFIED, digestsOf, keptBytes, leaveRuns, scatteredAt } from '../helpers/kept-part.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import {
  type RawMessage,
  type RawPeer,
  connectRawData,
  contentFrames,
  isRefused,
  openSession,
  sha256,
} from '../helpers/raw-peer.ts';
import { greet, openRawPort } from '../helpers/raw-server.ts';
import { startClient, startServer } from '../helpers/server.ts';

checkLeaks();

const MIB = BLOCK_BYTES;
const CONTENT = pattern(5 * MIB + 1000);
const SIZE = CONTENT.length;
const DIGESTS = digestsOf(CONTENT);

interface OfferedSegment {
  readonly offset: number;
  readonly end: number;
  readonly token: string;
}

/** The digest of digests, one behind the other. */
const digestOf = (digests: readonly string[]): string =>
  digests.length === 1 ? (digests[0] ?? '') : sha256(Buffer.from(digests.join(''), 'hex'));

const framesOf = ({ offset, end }: Pick<OfferedSegment, 'offset' | 'end'>): Buffer =>
  contentFrames(CONTENT.subarray(offset, end), {}, offset);

/** What a receipt says of a content that came in these ranges. */
const proofOf = (segments: readonly Pick<OfferedSegment, 'offset' | 'end'>[]) => ({
  bytes: SIZE,
  digest: digestOf(segments.map(({ offset, end }) => digestOf(DIGESTS.slice(offset / MIB, Math.ceil(end / MIB))))),
});

/** The segments that a server offers, and their one port. */
const segmentsOf = ({ type, port, segments, ...rest }: RawMessage) => {
  assert.deepEqual([type, typeof port], ['accepted', 'number'], JSON.stringify(rest));
  return { port: port as number, segments: segments as readonly OfferedSegment[] };
};

describe('a raw client that asks for segments', () => {
  const GET = { type: 'get', id: 1, path: ['source'], segments: 2 };
  const PUT = { type: 'put', id: 1, path: ['file'], size: SIZE, modified: MODIFIED, resume: true, segments: 2 };

  const start = async (test: TestContext, serve: Partial<ServeOptions> = {}) => {
    const server = await startServer(test, serve);
    await writeFile(join(server.root, 'source'), CONTENT);
    await utimes(join(server.root, 'source'), MODIFIED / 1000, MODIFIED / 1000);
    const session = await openSession(test, server);
    /** Asks, and connects to all segments that are offered, the last one first. */
    const open = async (request: object) => {
      const accepted = await session.ask(request);
      const { port, segments } = segmentsOf(accepted);
      const data: RawPeer[] = [];
      for (const { token } of segments.toReversed()) data.unshift(await connectRawData(test, { port, token }));
      return { accepted, port, segments, data };
    };
    return { root: server.root, session, open };
  };

  it('gets each range by its own token, and confirms the whole', async (test) => {
    const { session, open } = await start(test);
    const { segments, data } = await open(GET);
    assert.deepEqual(
      segments.map(({ offset, end }) => [offset, end]),
      [
        [0, 3 * MIB],
        [3 * MIB, SIZE],
      ],
    );
    for (const [index, segment] of segments.entries()) {
      const { content, trailer } = (await data[index]?.content()) ?? assert.fail();
      assert.ok(content.equals(CONTENT.subarray(segment.offset, segment.end)));
      assert.equal(trailer['bytes'], segment.end);
    }
    const proof = proofOf(segments);
    assert.deepEqual(await session.ask({ type: 'receipt', id: 1, ...proof }), { type: 'completed', id: 1, ...proof });
  });

  it('gets what is missing between what it has', async (test) => {
    const { session, open } = await start(test);
    const { size, modified, runs } = scatteredAt(CONTENT, [
      [0, MIB],
      [2 * MIB, 4 * MIB],
    ]);
    const { segments, data } = await open({ ...GET, segments: 1, kept: { size, modified, runs } });
    assert.deepEqual(
      segments.map(({ offset, end }) => [offset, end]),
      [
        [MIB, 2 * MIB],
        [4 * MIB, SIZE],
      ],
    );
    for (const peer of data) await peer.content();
    const proof = proofOf(segments);
    assert.deepEqual(await session.ask({ type: 'receipt', id: 1, ...proof }), { type: 'completed', id: 1, ...proof });
  });

  it('puts each range by its own token', async (test) => {
    const { root, session, open } = await start(test);
    const { segments, data } = await open(PUT);
    for (const [index, segment] of segments.entries()) data[index]?.write(framesOf(segment));
    assert.deepEqual(await session.message(), { type: 'completed', id: 1, ...proofOf(segments) });
    assert.ok(CONTENT.equals(await readFile(join(root, 'file'))));
  });

  it('puts what is missing between what is there, and is told of the digests of that', async (test) => {
    const { root, session, open } = await start(test);
    const ranges = [
      [MIB, 2 * MIB],
      [5 * MIB, SIZE],
    ] as const;
    await leaveRuns(root, 'file', CONTENT, ranges, 'sha256');
    const { accepted, segments, data } = await open({ ...PUT, segments: 1 });
    assert.deepEqual(accepted['kept'], scatteredAt(CONTENT, ranges).runs);
    assert.equal(accepted['offset'], undefined);
    assert.deepEqual(
      segments.map(({ offset, end }) => [offset, end]),
      [
        [0, MIB],
        [2 * MIB, 5 * MIB],
      ],
    );
    for (const [index, segment] of segments.entries()) data[index]?.write(framesOf(segment));
    assert.deepEqual(await session.message(), { type: 'completed', id: 1, ...proofOf(segments) });
    assert.ok(CONTENT.equals(await readFile(join(root, 'file'))));
  });

  it('goes on behind the first blocks where it does not know of segments', async (test) => {
    const { root, session } = await start(test);
    await leaveRuns(
      root,
      'file',
      CONTENT,
      [
        [0, MIB],
        [3 * MIB, SIZE],
      ],
      'sha256',
    );
    const accepted = await session.ask({ ...PUT, segments: undefined });
    assert.deepEqual([accepted['offset'], accepted['digest'], accepted['segments']], [MIB, DIGESTS[0], undefined]);
  });

  const MIXTURES: Readonly<Record<string, readonly [(segments: readonly OfferedSegment[]) => Buffer, string]>> = {
    'the bytes of another one': [([, other]) => framesOf(other ?? assert.fail()), 'SIZE_MISMATCH'],
    'fewer bytes than are its own': [([own]) => framesOf({ offset: own?.offset ?? 0, end: MIB }), 'SIZE_MISMATCH'],
    'more bytes than are its own': [([own]) => framesOf({ offset: own?.offset ?? 0, end: SIZE }), 'SIZE_MISMATCH'],
    'a short block in its middle': [
      () =>
        Buffer.concat([
          contentFrames(CONTENT.subarray(0, 1000), { more: true }),
          framesOf({ offset: MIB, end: 3 * MIB }),
        ]),
      'STATE_UNEXPECTED',
    ],
  };
  for (const [what, [bytes, code]] of Object.entries(MIXTURES))
    it(`makes no file by sending ${what} in a segment`, async (test) => {
      const { root, session, open } = await start(test);
      const { segments, data } = await open(PUT);
      data[0]?.write(bytes(segments));
      await session.error(code, 1);
      assert.ok(!(await readdir(root)).includes('file'));
      // What is kept is no more than the blocks that were in their places.
      assert.ok((await keptBytes(root, 'file')) <= 3 * MIB);
      assert.deepEqual(await session.ask({ type: 'ping', id: 2 }), { type: 'pong', id: 2 });
    });

  it('has a token for one connection and no more', async (test) => {
    const { session, open } = await start(test);
    const { port, segments, data } = await open(PUT);
    assert.equal(await isRefused(test, { port, token: segments[0]?.token ?? '' }), true);
    for (const [index, segment] of segments.entries()) data[index]?.write(framesOf(segment));
    assert.equal((await session.message())['type'], 'completed');
  });

  it('has to come for every segment in time', async (test) => {
    const { root, session } = await start(test, { limits: { dataMs: 200 } });
    const { port, segments } = segmentsOf(await session.ask(PUT));
    const data = await connectRawData(test, { port, token: segments[1]?.token ?? '' });
    data.write(framesOf(segments[1] ?? assert.fail()));
    await session.error('DATA_TIMEOUT', 1);
    assert.equal(await keptBytes(root, 'file'), SIZE - 3 * MIB);
  });

  it('frees everything when it gives up', async (test) => {
    const { session, open } = await start(test);
    const { data } = await open({ ...PUT, resume: false });
    session.send({ type: 'abort', id: 1 });
    await session.error('CANCELLED', 1);
    for (const peer of data) await peer.rest();
    assert.equal((await session.ask({ ...PUT, id: 2 }))['type'], 'accepted');
  });

  it('gets at most sixteen, and no more than there are blocks', async (test) => {
    for (const [request, count] of [
      [{ ...GET, segments: 1000 }, 6],
      [{ ...GET, segments: 3 }, 3],
      [{ ...PUT, size: 100 * MIB, segments: 1e15 }, 16],
    ] as const) {
      const { session } = await start(test);
      assert.equal(segmentsOf(await session.ask(request)).segments.length, count);
    }
  });

  it('gets a content of one block, and one whose length it did not tell, over one connection', async (test) => {
    const { root, session } = await start(test);
    await writeFile(join(root, 'small'), CONTENT.subarray(0, MIB));
    for (const request of [
      { ...GET, path: ['small'] },
      { ...PUT, id: 2, size: undefined },
    ]) {
      const accepted = await session.ask(request);
      assert.deepEqual([typeof accepted['token'], accepted['segments']], ['string', undefined]);
    }
  });

  for (const segments of [0, -1, 1.5, '4', null, [4]])
    it(`is refused with ${JSON.stringify(segments)} of them`, async (test) => {
      const { session } = await start(test);
      session.send({ ...GET, segments });
      await session.error('MESSAGE_INVALID', 1);
    });

  const first = { offset: 0, end: MIB, digest: DIGESTS[0] };
  const third = { offset: 2 * MIB, end: 3 * MIB, digest: DIGESTS[2] };
  const CLAIMS: Readonly<Record<string, readonly [object, string]>> = {
    'no runs': [{ runs: [] }, 'MESSAGE_INVALID'],
    'seventeen runs': [{ runs: Array.from({ length: 17 }, () => first) }, 'MESSAGE_INVALID'],
    'a run off the grid': [{ runs: [first, { ...third, offset: 2 * MIB + 1 }] }, 'MESSAGE_INVALID'],
    'a run that ends inside a block': [{ runs: [first, { ...third, end: 3 * MIB - 1 }] }, 'OFFSET_MISMATCH'],
    'a run that ends before it begins': [{ runs: [first, { ...third, end: MIB }] }, 'OFFSET_MISMATCH'],
    'a run behind the end': [{ runs: [first, { ...third, offset: 8 * MIB, end: 9 * MIB }] }, 'OFFSET_MISMATCH'],
    'the same run twice': [{ runs: [third, third] }, 'OFFSET_MISMATCH'],
    'runs in another order': [{ runs: [third, first] }, 'OFFSET_MISMATCH'],
    'the digest of another block': [{ runs: [first, { ...third, digest: DIGESTS[1] }] }, 'OFFSET_MISMATCH'],
    'another length': [{ runs: [first, third], size: SIZE + 1 }, 'OFFSET_MISMATCH'],
    'another time': [{ runs: [first, third], modified: MODIFIED + 1 }, 'OFFSET_MISMATCH'],
  };
  for (const [what, [claim, code]] of Object.entries(CLAIMS))
    it(`is refused when it says that it has ${what}`, async (test) => {
      const { session } = await start(test);
      session.send({ ...GET, kept: { size: SIZE, modified: MODIFIED, ...claim } });
      await session.error(code, 1);
    });
});

describe('a client whose server offers segments', () => {
  const TOKENS = ['aa', 'bb', 'cc'].map((text) => text.repeat(32));
  const ENTRY = { name: 'file', kind: 'file', size: SIZE, modified: MODIFIED, mode: 0o644 };

  const start = async (test: TestContext) => {
    const port = await openRawPort(test);
    const [client, control] = await Promise.all([startClient(test, port), greet(port)]);
    const folder = await temporaryFolder(test);
    return { client, control, folder, data: await openRawPort(test) };
  };

  const offered = (...ranges: readonly (readonly [number, number])[]) =>
    ranges.map(([offset, end], index) => ({ offset, end, token: TOKENS[index] }));

  const BAD_OFFERS: Readonly<Record<string, readonly [readonly object[], string]>> = {
    'ranges that overlap': [offered([0, 3 * MIB], [2 * MIB, SIZE]), 'OFFSET_MISMATCH'],
    'the same range twice': [offered([0, 3 * MIB], [3 * MIB, SIZE], [3 * MIB, SIZE]), 'OFFSET_MISMATCH'],
    'a hole': [offered([0, 2 * MIB], [3 * MIB, SIZE]), 'OFFSET_MISMATCH'],
    'nothing of the end': [offered([0, 2 * MIB], [2 * MIB, 5 * MIB]), 'OFFSET_MISMATCH'],
    'nothing of the start': [offered([MIB, 2 * MIB], [2 * MIB, SIZE]), 'OFFSET_MISMATCH'],
    'more than there is': [offered([0, 2 * MIB], [2 * MIB, 6 * MIB]), 'OFFSET_MISMATCH'],
    'an empty range': [offered([0, 2 * MIB], [2 * MIB, 2 * MIB], [2 * MIB, SIZE]), 'OFFSET_MISMATCH'],
    'a range that ends inside a block': [offered([0, MIB + 1], [2 * MIB, SIZE]), 'OFFSET_MISMATCH'],
    'a range off the grid': [offered([0, MIB + 1], [MIB + 1, SIZE]), 'MESSAGE_INVALID'],
    'no range': [[], 'MESSAGE_INVALID'],
    'seventeen ranges': [Array.from({ length: 17 }, () => offered([0, SIZE])[0] ?? {}), 'MESSAGE_INVALID'],
    'a range without a token': [[{ offset: 0, end: SIZE }], 'MESSAGE_INVALID'],
  };
  for (const [what, [segments, code]] of Object.entries(BAD_OFFERS))
    for (const direction of ['down', 'up'] as const)
      it(`makes no file of ${what} (${direction})`, async (test) => {
        const { client, control, folder, data } = await start(test);
        await writeFile(join(folder, 'up'), CONTENT);
        const running = outcomeOf(
          lastValueFrom(
            direction === 'down'
              ? client.download(['file'], join(folder, 'file'), { segments: 3 })
              : client.upload(join(folder, 'up'), ['file'], { segments: 3 }),
          ),
        );
        const { id, segments: wanted } = await control.message();
        assert.equal(wanted, 3);
        control.send({
          type: 'accepted',
          id,
          ...(direction === 'down' && { entry: ENTRY }),
          port: data.port,
          segments,
        });
        assert.equal(await running, code);
        assert.equal(data.connections, 0);
        assert.deepEqual(await readdir(folder), ['up']);
      });

  for (const [what, answer] of Object.entries({
    'in segments that it did not ask for': { segments: offered([0, 2 * MIB], [2 * MIB, SIZE]) },
    'in one range that it did not ask for': { segments: offered([0, SIZE]) },
  }))
    it(`takes no content ${what}`, async (test) => {
      const { client, control, folder, data } = await start(test);
      const running = outcomeOf(lastValueFrom(client.download(['file'], join(folder, 'file'))));
      const { id, segments } = await control.message();
      assert.equal(segments, undefined);
      control.send({ type: 'accepted', id, entry: ENTRY, port: data.port, ...answer });
      assert.equal(await running, 'OFFSET_MISMATCH');
      assert.equal(data.connections, 0);
    });

  it('takes a content over one connection from a server that does not know of them', async (test) => {
    const { client, control, folder, data } = await start(test);
    const running = outcomeOf(lastValueFrom(client.download(['file'], join(folder, 'file'), { segments: 3 })));
    const { id } = await control.message();
    control.send({ type: 'accepted', id, entry: ENTRY, port: data.port, token: TOKENS[0] });
    const peer = await data.accept();
    peer.write(contentFrames(CONTENT));
    assert.equal(await running, 'done');
    assert.ok(CONTENT.equals(await readFile(join(folder, 'file'))));
  });

  it('tells a server that does not know of them how many of the first blocks it has', async (test) => {
    const { client, control, folder, data } = await start(test);
    const ranges = [
      [0, MIB],
      [2 * MIB, SIZE],
    ] as const;
    await leaveRuns(folder, 'file', CONTENT, ranges, 'sha256');
    const running = outcomeOf(lastValueFrom(client.download(['file'], join(folder, 'file'))));
    const { id, resume, segments, kept } = await control.message();
    assert.deepEqual(resume, { offset: MIB, size: SIZE, modified: MODIFIED, digest: DIGESTS[0] });
    assert.deepEqual(
      [segments, kept],
      [1, { size: SIZE, modified: MODIFIED, runs: scatteredAt(CONTENT, ranges).runs }],
    );
    control.send({ type: 'accepted', id, entry: ENTRY, offset: MIB, port: data.port, token: TOKENS[0] });
    (await data.accept()).write(framesOf({ offset: MIB, end: SIZE }));
    assert.equal(await running, 'done');
    assert.ok(CONTENT.equals(await readFile(join(folder, 'file'))));
  });

  it('is not confused by what it has by another kind of digest', async (test) => {
    if (!availableDigests().includes('blake3')) return;
    const { client, control, folder, data } = await start(test);
    await leaveRuns(folder, 'file', CONTENT, [[0, 4 * MIB]], 'blake3');
    const running = outcomeOf(lastValueFrom(client.download(['file'], join(folder, 'file'), { segments: 2 })));
    const { id, resume, kept } = await control.message();
    assert.deepEqual([resume, kept], [undefined, undefined]);
    const segments = offered([0, 3 * MIB], [3 * MIB, SIZE]);
    control.send({ type: 'accepted', id, entry: ENTRY, port: data.port, segments });
    for (let index = 0; index < 2; index += 1) {
      const peer = await data.accept();
      const token = (await peer.frame()).toString();
      peer.write(framesOf(segments.find((segment) => segment.token === token) ?? assert.fail()));
    }
    assert.equal(await running, 'done');
    assert.ok(CONTENT.equals(await readFile(join(folder, 'file'))));
  });

  it('makes no file where the bytes of two segments are swapped', async (test) => {
    const { client, control, folder, data } = await start(test);
    const running = outcomeOf(lastValueFrom(client.download(['file'], join(folder, 'file'), { segments: 2 })));
    const { id } = await control.message();
    const segments = offered([0, 3 * MIB], [3 * MIB, SIZE]);
    control.send({ type: 'accepted', id, entry: ENTRY, port: data.port, segments });
    for (let index = 0; index < 2; index += 1) {
      const peer = await data.accept();
      const token = (await peer.frame()).toString();
      peer.write(framesOf(segments.find((segment) => segment.token !== token) ?? assert.fail()));
    }
    assert.equal(await running, 'SIZE_MISMATCH');
    assert.ok(!(await readdir(folder)).includes('file'));
    assert.equal(await keptBytes(folder, 'file'), 0);
  });

  const RUN = { offset: 2 * MIB, end: 3 * MIB, digest: DIGESTS[2] ?? '' };
  const BESIDE = offered([0, 2 * MIB], [3 * MIB, SIZE]);
  const CLAIMS: Readonly<Record<string, object>> = {
    'of which it has other bytes': { kept: [{ ...RUN, digest: DIGESTS[1] }], segments: BESIDE },
    'of which it has more than it says': { segments: BESIDE },
    'of which it has a place that is not missing': {
      kept: [RUN, { ...RUN, offset: 4 * MIB, end: 5 * MIB }],
      segments: offered([0, 2 * MIB], [3 * MIB, SIZE]).map((range) => ({ ...range, end: range.end - MIB })),
    },
  };
  for (const [what, claim] of Object.entries(CLAIMS))
    it(`sends no byte of a content ${what}`, async (test) => {
      const { client, control, folder, data } = await start(test);
      await writeFile(join(folder, 'up'), CONTENT);
      await utimes(join(folder, 'up'), MODIFIED / 1000, MODIFIED / 1000);
      const running = outcomeOf(lastValueFrom(client.upload(join(folder, 'up'), ['file'], { segments: 2 })));
      const { id } = await control.message();
      control.send({ type: 'accepted', id, port: data.port, ...claim });
      assert.equal(await running, 'OFFSET_MISMATCH');
      assert.equal(data.connections, 0);
    });
});
