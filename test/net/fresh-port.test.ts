import assert from 'node:assert/strict';
import { type TestContext, describe, it } from 'node:test';
import { type Subscription, firstValueFrom, map, take } from 'rxjs';
import { listenOnFreshPort } from '../../lib/net/fresh-port.ts';
import { listen } from '../../lib/net/listen.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const HOST = '127.0.0.1';

/** More than rest before one of them is taken again. */
const MANY = 300;

/** Opens a port and closes it. */
const useOne = (): Promise<number> =>
  firstValueFrom(
    listenOnFreshPort(HOST).pipe(
      map(({ port }) => port),
      take(1),
    ),
  );

const useMany = async (count: number): Promise<number[]> => {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await useOne());
  return ports;
};

/** Opens a port until the test ends. */
const hold = (test: TestContext, listener$: ReturnType<typeof listen>): Promise<number> =>
  new Promise((resolve, reject) => {
    const holding: Subscription = listener$.subscribe({ next: ({ port }) => resolve(port), error: reject });
    test.after(() => holding.unsubscribe());
  });

describe('listenOnFreshPort', () => {
  it('opens ports again that the system has chosen before, the one that has rested longest first', async () => {
    const before = await useMany(MANY);
    const again = await useMany(MANY);
    assert.ok(again.every((port) => before.includes(port)));
    const turn = again.indexOf(again[0] ?? 0, 1);
    assert.ok(turn > 200, `the first port came again after ${turn}`);
    assert.deepEqual(again.slice(0, MANY - turn), again.slice(turn));
    assert.equal(new Set(again.slice(0, turn)).size, turn, 'no other port comes twice meanwhile');
  });

  it('opens no port twice', async (test) => {
    await useMany(MANY);
    const held: number[] = [];
    while (held.length < MANY) held.push(await hold(test, listenOnFreshPort(HOST)));
    assert.equal(new Set(held).size, MANY);
  });

  it('leaves a port alone that another program has taken meanwhile', async (test) => {
    // All of them, those of the tests before included.
    const taken = new Set(await useMany(3 * MANY));
    // Where another program already has, that is just as well.
    for (const port of taken) await hold(test, listen({ host: HOST, port })).catch(() => undefined);
    const port = await useOne();
    assert.ok(port > 0 && !taken.has(port));
  });

  it('says which address cannot be listened on', async () => {
    await useMany(MANY);
    await assert.rejects(firstValueFrom(listenOnFreshPort('192.0.2.1')), { code: 'LISTEN_FAILED' });
  });
});
