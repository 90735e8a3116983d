import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { answerCalls } from './answer-calls.ts';
import { LINK_HOST, type LinkCalls, type LinkPlan } from './link-plan.ts';

const start: LinkCalls['start'] = async ({ port, ...plan }) => {
  const link = new Link(plan);
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    for (const socket of [near, far]) socket.on('error', () => (near.destroy(), far.destroy()));
    link.carry(near, far, plan.roundTripMs);
    link.carry(far, near, 0);
  });
  server.listen({ port, host: LINK_HOST });
  await once(server, 'listening');
};

class Link {
  readonly #roundTripMs: number;
  readonly #bytesPerMs: number;

  constructor({ roundTripMs, bytesPerSecond }: Omit<LinkPlan, 'port'>) {
    this.#roundTripMs = roundTripMs;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /**
   * Leads what comes from one socket to another, later and in order, no faster than the link, and no more ahead than a
   * round trip carries. The first byte waits for the handshake besides: on loopback a connection is made at once, and
   * through a link after a round trip.
   */
  carry(from: Socket, to: Socket, handshakeMs: number): void {
    const queue: { readonly at: number; readonly act: () => void }[] = [];
    let freeAt = performance.now() + handshakeMs;
    const deliver = (): void => {
      for (let next = queue[0]; next !== undefined && next.at <= performance.now(); next = queue[0]) {
        queue.shift();
        next.act();
      }
      if (freeAt - performance.now() < this.#roundTripMs) from.resume();
    };
    const later = (bytes: number, act: () => void): void => {
      const now = performance.now();
      freeAt = Math.max(now, freeAt) + bytes / this.#bytesPerMs;
      const at = freeAt + this.#roundTripMs / 2;
      queue.push({ at, act });
      setTimeout(deliver, Math.ceil(at - now));
      if (freeAt - now > this.#roundTripMs) from.pause();
    };
    from.on('data', (chunk: Buffer) => later(chunk.length, () => void to.write(chunk)));
    from.on('end', () => later(0, () => void to.end()));
  }
}

answerCalls({ start } satisfies LinkCalls);
