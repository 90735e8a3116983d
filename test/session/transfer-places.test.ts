import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransferPlaces } from '../../lib/session/transfer-places.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { offerOf, openSession } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';

checkLeaks();

describe('the places for transfers', () => {
  it('are refused beyond the limit and taken again when one is free', () => {
    const places = new TransferPlaces(2);
    const leave = places.enter();
    places.enter();
    assert.throws(() => places.enter(), { code: 'TOO_MANY_TRANSFERS', message: /2 transfers/ });
    leave();
    places.enter();
    assert.throws(() => places.enter(), { code: 'TOO_MANY_TRANSFERS' });
  });

  it('are taken as many as there are by who wants several', () => {
    const places = new TransferPlaces(3);
    const leave = places.enter();
    const some = places.enterUpTo(1);
    const rest = places.enterUpTo(5);
    assert.deepEqual([some.count, rest.count, places.enterUpTo(5).count], [1, 1, 0]);
    assert.throws(() => places.enter(), { code: 'TOO_MANY_TRANSFERS' });
    rest.leave();
    leave();
    assert.equal(places.enterUpTo(5).count, 2);
    assert.equal(places.enterUpTo(-1).count, 0);
  });

  it('are shared by all sessions of a server', async (test) => {
    const server = await startServer(test, { maxTransfersInAll: 1 });
    const [one, two] = [await openSession(test, server), await openSession(test, server)];
    offerOf(await one.ask({ type: 'put', id: 1, path: ['a'] }));
    assert.equal((await two.ask({ type: 'put', id: 1, path: ['b'] }))['code'], 'TOO_MANY_TRANSFERS');
    one.send({ type: 'abort', id: 1 });
    assert.equal((await one.message())['code'], 'CANCELLED');
    offerOf(await two.ask({ type: 'put', id: 2, path: ['b'] }));
  });
});
