import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

// One end of a connection that speaks the protocol byte by byte. It shares no code with the library on purpose: what
// both sides of the library agree on may still be wrong.

export type RawMessage = Readonly<Record<string, unknown>>;

export interface Offer {
  readonly port: number;
  readonly token: string;
}

const HEADER_BYTES = 10;

export const rawFrame = (payload: string | Buffer): Buffer => {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from(String(bytes.length).padStart(HEADER_BYTES, '0')), bytes]);
};

export const messageFrame = (message: unknown): Buffer => rawFrame(JSON.stringify(message));

export const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

const BLOCK_BYTES = 1024 * 1024;

/**
 * A whole content on the wire, or what stands at `offset` in one: a frame for each block, and trailers of which the last is
 * true where `trailer` does not lie.
 */
export const contentFrames = (content: string | Buffer, trailer: RawMessage = {}, offset = 0): Buffer => {
  const rest = Buffer.from(content);
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < rest.length; at += BLOCK_BYTES) {
    const block = rest.subarray(at, at + BLOCK_BYTES);
    const bytes = at + block.length;
    const more = bytes < rest.length ? { more: true } : trailer;
    const frame = block.length === 0 ? Buffer.alloc(0) : rawFrame(block);
    parts.push(frame, rawFrame(''), messageFrame({ bytes: offset + bytes, digest: sha256(block), ...more }));
  }
  return Buffer.concat(parts);
};

/** Reads nothing but what it is asked for, so that a test can also be the peer that does not read. */
export class RawPeer {
  readonly socket: Socket;
  #over = false;
  #news = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const onNews = () => {
      this.#news = true;
      this.#wake();
    };
    const onEnd = () => {
      this.#over = true;
      onNews();
    };
    // One lasting listener: adding one over and over, beside a header that is half there, would spin.
    socket.on('readable', onNews).on('error', onEnd).once('end', onEnd).once('close', onEnd);
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  send(message: unknown): void {
    this.socket.write(messageFrame(message));
  }

  /** The next bytes; rejects if the connection ends before there are so many. */
  async bytes(count: number): Promise<Buffer> {
    if (count === 0) return Buffer.alloc(0);
    for (;;) {
      const chunk = this.socket.read(count) as Buffer | null;
      if (chunk?.length === count) return chunk;
      if (this.#over) throw new Error(`the connection ended ${chunk?.length ?? 0} bytes into ${count}`);
      await this.#change();
    }
  }

  async frame(): Promise<Buffer> {
    const header = (await this.bytes(HEADER_BYTES)).toString('latin1');
    assert.match(header, /^\d{10}$/);
    return this.bytes(Number(header));
  }

  async message(): Promise<RawMessage> {
    return JSON.parse((await this.frame()).toString()) as RawMessage;
  }

  /** Sends a request and gives the next message. */
  async ask(request: unknown): Promise<RawMessage> {
    this.send(request);
    return this.message();
  }

  /** Asserts that the next message is an error with a code, for request `id` or for the session. */
  async error(code: string, id?: number): Promise<void> {
    const message = await this.message();
    assert.deepEqual({ type: message['type'], code: message['code'], id: message['id'] }, { type: 'error', code, id });
    assert.equal(typeof message['message'], 'string');
  }

  /** Everything that still comes until the other side is gone. */
  async rest(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = this.socket.read() as Buffer | null;
      if (chunk !== null) chunks.push(chunk);
      else if (this.#over) return Buffer.concat(chunks);
      else await this.#change();
    }
  }

  /** A whole content, and what a receipt says of it: its last trailer, with the digest of all blocks' digests. */
  async content(): Promise<{ content: Buffer; trailer: RawMessage }> {
    const frames: Buffer[] = [];
    const digests: Buffer[] = [];
    for (;;) {
      for (let frame = await this.frame(); frame.length > 0; frame = await this.frame()) frames.push(frame);
      const trailer = await this.message();
      digests.push(Buffer.from(String(trailer['digest']), 'hex'));
      if (trailer['more'] === true) continue;
      const digest = digests.length === 1 ? trailer['digest'] : sha256(Buffer.concat(digests));
      return { content: Buffer.concat(frames), trailer: { ...trailer, digest } };
    }
  }

  /** Breaks the connection off with a reset. */
  reset(): void {
    // Node loses the handle of a socket that is reset while it shuts down.
    if (this.#over) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  async #change(): Promise<void> {
    if (!this.#news) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#news = false;
  }
}

/** A raw connection to a loopback port, closed when the test ends. */
export const connectRaw = async (
  test: TestContext,
  port: number,
  { host = '127.0.0.1', localAddress }: { readonly host?: string; readonly localAddress?: string } = {},
): Promise<RawPeer> => {
  const socket = connect({ host, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
  test.after(() => socket.destroy());
  await once(socket, 'connect');
  return new RawPeer(socket);
};

/** A raw session behind its hello. */
export const openSession = async (
  test: TestContext,
  { port }: { readonly port: number },
  digests: readonly string[] = ['sha256'],
): Promise<RawPeer> => {
  const peer = await connectRaw(test, port);
  assert.equal((await peer.ask({ type: 'hello', version: 1, digests }))['type'], 'hello');
  return peer;
};

/** Where to connect for data, out of an `accepted` reply. */
export const offerOf = (accepted: RawMessage): Offer => {
  assert.equal(accepted['type'], 'accepted', JSON.stringify(accepted));
  const { port, token } = accepted as unknown as Offer;
  assert.match(token, /^[0-9a-f]{64}$/);
  return { port, token };
};

/** A data connection that has shown its token. */
export const connectRawData = async (test: TestContext, { port, token }: Offer): Promise<RawPeer> => {
  const peer = await connectRaw(test, port);
  peer.write(rawFrame(token));
  return peer;
};

/** Whether a port takes a connection and then keeps it open for at least one exchange with somebody else. */
export const isRefused = async (test: TestContext, offer: Offer): Promise<boolean> => {
  try {
    const peer = await connectRawData(test, offer);
    return (await peer.rest()).length === 0;
  } catch {
    return true;
  }
};

/** Waits until something has come about; fails after five seconds. */
export const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!(await condition())) {
    if (performance.now() > deadline) assert.fail(`never came about: ${what}`);
    await sleep(5);
  }
};
