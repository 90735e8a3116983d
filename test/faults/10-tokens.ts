import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connectRaw, contentFrames, isRefused, offerOf, openSession, rawFrame, until } from '../helpers/raw-peer.ts';
import { startServer } from '../helpers/server.ts';

const ELSEWHERE = { localAddress: '127.0.0.2' };

export const faultTokens = (): void => {
  describe('fault 10: tokens', () => {
    for (const dataPorts of ['ephemeral', 'same'] as const) {
      it(`fault 10: a wrong token from another address is a stranger (${dataPorts})`, async (test) => {
        const server = await startServer(test, { dataPorts });
        const session = await openSession(test, server);
        const offer = offerOf(await session.ask({ type: 'put', id: 1, path: ['file'] }));
        const stranger = await connectRaw(test, offer.port, ELSEWHERE);
        stranger.write(rawFrame('00'.repeat(32)));
        assert.equal((await stranger.rest()).length, 0);
        const data = await connectRaw(test, offer.port);
        data.write(Buffer.concat([rawFrame(offer.token), contentFrames('mine')]));
        assert.equal((await session.message())['type'], 'completed');
      });

      it(`fault 10: the token is the proof, not the address that it comes from (${dataPorts})`, async (test) => {
        const server = await startServer(test, { dataPorts });
        const session = await openSession(test, server);
        const offer = offerOf(await session.ask({ type: 'put', id: 1, path: ['file'] }));
        const data = await connectRaw(test, offer.port, ELSEWHERE);
        data.write(Buffer.concat([rawFrame(offer.token), contentFrames('from elsewhere')]));
        assert.equal((await session.message())['type'], 'completed');
        assert.equal(await readFile(join(server.root, 'file'), 'utf8'), 'from elsewhere');
      });

      it(`fault 10: tokens that nobody uses leave nothing behind, and take nobody’s place (${dataPorts})`, async (test) => {
        const server = await startServer(test, { dataPorts, limits: { dataMs: 300 } });
        const session = await openSession(test, server);
        const offers = [];
        for (let id = 1; id <= 16; id += 1)
          offers.push(offerOf(await session.ask({ type: 'put', id, path: [String(id)] })));
        for (let id = 1; id <= 16; id += 1) assert.equal((await session.message())['code'], 'DATA_TIMEOUT');
        for (const offer of offers) assert.ok(await isRefused(test, offer));
        offerOf(await session.ask({ type: 'put', id: 17, path: ['1'] }));
        await until('a report of each', () => server.events.filter(({ type }) => type === 'transfer').length === 16);
      });
    }
  });
};
