import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { type TestContext, describe, it } from 'node:test';
import { EMPTY, NEVER, type Observable, concat, finalize, from, ignoreElements, map, mergeMap, of, tap } from 'rxjs';
import { Liveness } from '../../lib/dialects/native/liveness.ts';
import { TransferPulse } from '../../lib/dialects/native/transfer-pulse.ts';
import { receiveTree, sendTree } from '../../lib/dialects/native/tree-content.ts';
import { type Valve, fromChunks } from '../../lib/index.ts';
import type { ContentProof } from '../../lib/dialects/native/messages.ts';
import { fromPull } from '../../lib/streams/from-pull.ts';
import {
  type TreeFile,
  type TreeItem,
  type TreeSink,
  type TreeSource,
  pumpTree,
  weightOf,
} from '../../lib/transfer/tree.ts';
import { pattern, settled, unexpected, until, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { heldBytes } from '../helpers/memory.ts';

checkLeaks();

const KIB = 1024;
const MIB = 1024 * KIB;

/** Both ends of a loopback connection. */
const socketPair = async (test: TestContext): Promise<readonly [Socket, Socket]> => {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = [connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true })];
  const [other] = (await once(server, 'connection')) as [Socket];
  test.after(() => {
    server.close();
    for (const socket of [...sockets, other]) socket.destroy();
  });
  return [sockets[0] ?? other, other];
};

const optionsFor = (onProof: (proof: ContentProof) => void = () => undefined) => ({
  digestName: 'sha256' as const,
  maxFrame: MIB,
  pulse: new TransferPulse(new Liveness({ quietMs: 60_000, stallMs: 60_000 }), {
    quietMs: 20_000,
    stallMs: 60_000,
    restMs: 900_000,
  }),
  onProof,
});

const fileItem = (name: string, bytes: Buffer, opened: () => void = () => undefined): TreeFile => ({
  kind: 'file',
  path: [name],
  size: bytes.length,
  modified: 0,
  mode: 0o644,
  content: (open$) => {
    opened();
    return fromChunks([bytes])(open$);
  },
});

const itemsFrom =
  (items: Iterable<TreeItem>): TreeSource =>
  (valve) =>
    fromPull(
      (async function* () {
        for (const item of items) yield await Promise.resolve(item);
      })(),
      valve.open$,
    );

/** Takes each file's bytes as `takeFile` does, and holds what is not done in the valve. */
const toFiles =
  (takeFile: (file: TreeFile, valve: Valve) => Observable<unknown>): TreeSink =>
  (valve) =>
  (item$) =>
    item$.pipe(
      tap((item) => valve.hold(weightOf(item))),
      mergeMap((item) =>
        (item.kind === 'file' ? takeFile(item, valve) : EMPTY).pipe(finalize(() => valve.release(weightOf(item)))),
      ),
      ignoreElements(),
    );

const SIZES = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1, 5 * MIB];

describe('a tree on a data connection', () => {
  for (const packs of [false, true])
    it(`arrives as it was sent, whatever the sizes of its files, and both ends know the same proof${packs ? ', in packs' : ''}`, async (test) => {
      const [near, far] = await socketPair(test);
      const proofs: ContentProof[] = [];
      const optionsOf = () => ({ ...optionsFor((proof) => proofs.push(proof)), packs });
      const items = SIZES.flatMap((size, index) => [
        fileItem(`${index}`, pattern(size)),
        fileItem(`${index}s`, pattern(3)),
      ]);
      const arrived = new Map<string, Buffer>();
      const take = ({ path: [name = ''], content }: TreeFile, valve: Valve) => {
        const chunks: Buffer[] = [];
        arrived.set(name, Buffer.alloc(0));
        return content(valve.open$).pipe(
          tap((chunk) => {
            chunks.push(chunk);
            arrived.set(name, Buffer.concat(chunks));
          }),
        );
      };
      await Promise.all([
        valuesOf(pumpTree(itemsFrom(items), sendTree(near, optionsOf()))),
        valuesOf(pumpTree(receiveTree(far, optionsOf()), toFiles(take))),
      ]);
      for (const { path, size } of items) {
        const bytes = arrived.get(path[0] ?? '');
        assert.ok(bytes?.equals(pattern(size)), `${path[0]} of ${size} bytes`);
      }
      assert.deepEqual(proofs[0], proofs[1]);
      assert.equal(proofs[0]?.files, items.length);
    });

  for (const [size, COUNT] of [
    [300 * KIB, 400],
    [48 * KIB, 6000],
  ] as const)
    it(`is held back by a taker that stands still, at both ends, and goes on with it (${COUNT} × ${size})`, async (test) => {
      const [near, far] = await socketPair(test);
      const bytes = Buffer.alloc(size, 'x');
      let opened = 0;
      const items = function* () {
        for (let index = 0; index < COUNT; index += 1) yield fileItem(`${index}`, bytes, () => (opened += 1));
      };
      let go: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (go = resolve));
      let taken = 0;
      const take = ({ content }: TreeFile, valve: Valve) =>
        from(gate).pipe(
          mergeMap(() => content(valve.open$)),
          tap(({ length }) => (taken += length)),
        );
      const before = heldBytes();
      const done = Promise.all([
        valuesOf(pumpTree(itemsFrom(items()), sendTree(near, optionsFor()))),
        valuesOf(pumpTree(receiveTree(far, optionsFor()), toFiles(take))),
      ]);
      await until(() => opened > 5);
      const atRest = await settled(() => opened);
      assert.ok(atRest < COUNT / 4, `${atRest} files were begun`);
      assert.ok(heldBytes() - before < 24 * MIB, 'more than the valves and the kernel hold');
      go();
      await done;
      assert.equal(taken, COUNT * bytes.length);
    });

  for (const size of [64 * KIB + 1, MIB, MIB + 1, 3 * MIB])
    it(`does not get stuck on files of ${size} bytes that nobody wants`, async (test) => {
      const [near, far] = await socketPair(test);
      const items = Array.from({ length: 30 }, (_, index) => fileItem(`${index}`, Buffer.alloc(size, index)));
      let dropped = 0;
      const take = (file: TreeFile, valve: Valve) => {
        if (Number(file.path[0]) % 3 === 0) return file.content(valve.open$).pipe(ignoreElements());
        // Some are dropped at once and some a while later, as after a look at the disk.
        const late$ = Number(file.path[0]) % 3 === 1 ? of(0) : from(new Promise((resolve) => setImmediate(resolve)));
        return late$.pipe(
          tap(() => {
            file.drop?.();
            dropped += 1;
          }),
        );
      };
      await Promise.all([
        valuesOf(pumpTree(itemsFrom(items), sendTree(near, optionsFor()))),
        valuesOf(pumpTree(receiveTree(far, optionsFor()), toFiles(take))),
      ]);
      assert.equal(dropped, 20);
    });

  it('waits for a source that is slow, and closes the connection when it is given up', async (test) => {
    const [near, far] = await socketPair(test);
    let arrived = 0;
    const slow: TreeSource = () => concat(of(fileItem('a', pattern(10))), NEVER);
    const sending = pumpTree(slow, sendTree(near, optionsFor())).subscribe({ error: unexpected });
    const receiving = valuesOf(
      pumpTree(
        receiveTree(far, optionsFor()),
        () => (item$) =>
          item$.pipe(
            tap(() => (arrived += 1)),
            map(() => ({ files: 0, bytes: 0, skipped: 0, failed: 0 })),
          ),
      ),
    );
    const outcome = assert.rejects(receiving, { code: 'CLOSED_EARLY' });
    await until(() => arrived === 1);
    sending.unsubscribe();
    await outcome;
  });
});
