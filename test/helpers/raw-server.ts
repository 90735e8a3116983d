import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { type RawMessage, RawPeer } from './raw-peer.ts';

/** A loopback port whose connections are taken one by one. */
export class RawPort {
  readonly port: number;
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  #wake: () => void = () => undefined;
  /** Connections that came so far. */
  connections = 0;

  constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => {
      this.connections += 1;
      socket.on('error', () => undefined);
      this.#waiting.push(socket);
      this.#wake();
    });
  }

  /** The next connection, raw. */
  async accept(): Promise<RawPeer> {
    for (;;) {
      const socket = this.#waiting.shift();
      if (socket !== undefined) return new RawPeer(socket);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Takes no more connections; those that are there stay. */
  close(): void {
    this.#server.close();
  }
}

/** Opens a loopback port that says nothing by itself; closed, with its connections, when the test ends. */
export const openRawPort = async (test: TestContext, { host = '127.0.0.1', port = 0 } = {}): Promise<RawPort> => {
  const server = createServer({ noDelay: true });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(port, host);
  await once(server, 'listening');
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return new RawPort(server);
};

/** What a scripted server says first, unless a test has it say something else. */
export const WELCOME = {
  type: 'hello',
  version: 1,
  agent: 'raw/1',
  digest: 'sha256',
  login: 'none',
  limits: { controlFrame: 65_536, dataFrame: 1_048_576, commands: 64, page: 1000, transfers: 16 },
} as const;

/** Takes a client's connection and its hello, and greets it. */
export const greet = async (port: RawPort, welcome: RawMessage = WELCOME): Promise<RawPeer> => {
  const peer = await port.accept();
  await peer.message();
  peer.send(welcome);
  return peer;
};

export const TOKEN = 'ab'.repeat(32);
