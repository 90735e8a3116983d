import type { Socket } from 'node:net';

const HEADER_BYTES = 10;

/** A payload with its length in ten digits before it. */
export const frame = (payload: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(String(Buffer.byteLength(payload)).padStart(HEADER_BYTES, '0')), Buffer.from(payload)]);

/** Calls back with the payload of each frame that comes. */
export const onFrame = (socket: Socket, take: (payload: Buffer) => void): void => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + Number(rest.toString('latin1', at, at + HEADER_BYTES));
      if (rest.length < end) break;
      take(rest.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    rest = rest.subarray(at);
  });
};
