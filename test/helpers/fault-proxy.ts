import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

// A loopback network that breaks where the test says, between a client and a server that know nothing of it. It stands at
// the server's own port number on another loopback address, so data connections come through it too wherever they go to
// the port of the control connection (`dataPorts: 'same'`): clients dial the address that they reached the server at.

/** What goes wrong from one byte on. */
export type Fault =
  /** Each piece waits for `ms` milliseconds before it goes on, and for up to `jitterMs` more by chance. */
  | { readonly type: 'delay'; readonly ms: number; readonly jitterMs?: number }
  /** One byte a turn of the event loop, each in a packet of its own. */
  | { readonly type: 'trickle' }
  /** A bit of the next byte is flipped, the lowest one if nothing else is said. */
  | { readonly type: 'corrupt'; readonly bit?: number }
  /** Nothing is read for `ms` milliseconds, or, without them, until `go`. */
  | { readonly type: 'stop'; readonly ms?: number }
  /** The whole connection goes dead: what either side says, also its leaving, is swallowed. A half-open peer. */
  | { readonly type: 'drop' }
  /** Both sides see the end of the connection (FIN), and nothing more comes through. */
  | { readonly type: 'cut' }
  /** Both sides see the connection reset (RST). */
  | { readonly type: 'reset' };

export type ConnectionKind = 'control' | 'data';

/** `up` is from the client to the server. */
export type Direction = 'up' | 'down';

export interface PlannedFault {
  readonly when: ConnectionKind;
  /** Which connection of that kind, from 0. @default each one */
  readonly nth?: number;
  readonly direction: Direction;
  /** Bytes that pass before it; on the way up the token of a data connection counts. */
  readonly at: number;
  readonly fault: Fault;
}

/** Bytes of the frame that a data connection begins with. */
export const TOKEN_FRAME_BYTES = 74;

const HOST = '127.0.0.2';
const DATA_HEADER = '0000000064';

/** A connection through the proxy. */
export interface ProxiedConnection {
  /** Known from the client's first ten bytes on. */
  readonly kind: ConnectionKind | undefined;
  /** Bytes that went through, by direction. */
  readonly passed: Readonly<Record<Direction, number>>;
  /** Lets a fault strike now; without a direction, `down`. */
  strike(fault: Fault, direction?: Direction): void;
  /** Ends a stop, of both directions. */
  go(): void;
}

export interface FaultProxy {
  /** To be named to the client as its host. */
  readonly host: string;
  readonly port: number;
  /** Those of one kind, in the order in which they came. */
  connections(kind: ConnectionKind): readonly ProxiedConnection[];
  /** Closes the port and every connection; done by itself when the test ends. */
  close(): void;
}

/** Stands between clients and a server on 127.0.0.1, and lets faults happen as planned. */
export const startFaultProxy = async (
  test: TestContext,
  { port }: { readonly port: number },
  plan: readonly PlannedFault[] = [],
): Promise<FaultProxy> => {
  const known: Record<ConnectionKind, Connection[]> = { control: [], data: [] };
  const connections = new Set<Connection>();
  const planFor = (connection: Connection, kind: ConnectionKind) => {
    const nth = known[kind].push(connection) - 1;
    return plan.filter((fault) => fault.when === kind && (fault.nth ?? nth) === nth);
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const onward = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    connections.add(new Connection(client, onward, planFor));
  });
  server.listen(port, HOST);
  await once(server, 'listening');
  const close = () => {
    server.close();
    for (const connection of connections) connection.close();
  };
  test.after(close);
  return { host: HOST, port, connections: (kind) => known[kind], close };
};

/** Two sockets and the two lanes between them. */
class Connection implements ProxiedConnection {
  kind: ConnectionKind | undefined;
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  readonly #closing = new AbortController();
  /** Whether something can still come through. */
  #open = true;

  constructor(
    client: Socket,
    server: Socket,
    planFor: (connection: Connection, kind: ConnectionKind) => readonly PlannedFault[],
  ) {
    this.#sockets = [client, server];
    for (const socket of this.#sockets) socket.on('error', () => undefined);
    const { signal } = this.#closing;
    this.#lanes = {
      up: new Lane({ to: server, signal, whole: this }),
      down: new Lane({ to: client, signal, whole: this }),
    };
    const classify = (head: Buffer) => {
      this.kind = head.toString('latin1') === DATA_HEADER ? 'data' : 'control';
      for (const { direction, at, fault } of planFor(this, this.kind)) this.#lanes[direction].plan(at, fault);
    };
    void this.#carry('up', behindHead(chunksOf(client), classify));
    void this.#carry('down', chunksOf(server));
  }

  get passed(): Record<Direction, number> {
    return { up: this.#lanes.up.passed, down: this.#lanes.down.passed };
  }

  get isOpen(): boolean {
    return this.#open;
  }

  strike(fault: Fault, direction: Direction = 'down'): void {
    this.#lanes[direction].strike(fault);
  }

  go(): void {
    for (const lane of Object.values(this.#lanes)) lane.go();
  }

  drop(): void {
    this.#open = false;
  }

  cut(): void {
    this.#open = false;
    const [client, server] = this.#sockets;
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    for (const socket of this.#sockets) socket.end();
  }

  reset(): void {
    this.#open = false;
    for (const socket of this.#sockets) {
      // Node loses the handle of a socket that is reset while it shuts down.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  close(): void {
    this.#open = false;
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes one side's bytes to the other, and its end, be it a good one or a bad one. */
  async #carry(direction: Direction, chunks: AsyncIterable<Buffer>): Promise<void> {
    const lane = this.#lanes[direction];
    try {
      for await (const chunk of chunks) if (this.#open) await lane.pass(chunk);
      if (this.#open) lane.end();
    } catch {
      if (this.#open) this.reset();
    }
  }
}

interface LaneOptions {
  readonly to: Socket;
  /** Ends every wait. */
  readonly signal: AbortSignal;
  readonly whole: Connection;
}

/** One direction of a connection. */
class Lane {
  /** Bytes that went through. */
  passed = 0;
  readonly #options: LaneOptions;
  #planned: { readonly at: number; readonly fault: Fault }[] = [];
  #delayMs = 0;
  #jitterMs = 0;
  #trickles = false;
  /** Bits of the next byte that are flipped. */
  #flips = 0;
  #stopped: Promise<void> | undefined;
  #goOn: () => void = () => undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.go(), { once: true });
  }

  plan(at: number, fault: Fault): void {
    this.#planned = [...this.#planned, { at, fault }].sort((one, other) => one.at - other.at);
    this.#strikeDue();
  }

  strike(fault: Fault): void {
    const { whole } = this.#options;
    switch (fault.type) {
      case 'delay':
        this.#delayMs = fault.ms;
        this.#jitterMs = fault.jitterMs ?? 0;
        return;
      case 'trickle':
        this.#trickles = true;
        return;
      case 'corrupt':
        this.#flips = 1 << (fault.bit ?? 0);
        return;
      case 'stop':
        this.#stop(fault.ms);
        return;
      case 'drop':
        whole.drop();
        return;
      case 'cut':
        whole.cut();
        return;
      case 'reset':
        whole.reset();
    }
  }

  go(): void {
    this.#stopped = undefined;
    this.#goOn();
  }

  async pass(chunk: Buffer): Promise<void> {
    const { whole, signal } = this.#options;
    for (let rest = chunk; rest.length > 0;) {
      if (this.#delayMs > 0) await sleep(this.#delayMs + Math.random() * this.#jitterMs, undefined, { signal });
      if (this.#trickles) await nextTurn();
      await this.#stopped;
      if (!whole.isOpen) return;
      const room = this.#trickles || this.#flips > 0 ? 1 : (this.#planned[0]?.at ?? Infinity) - this.passed;
      const piece = Buffer.from(rest.subarray(0, room));
      rest = rest.subarray(piece.length);
      if (this.#flips > 0) piece.writeUInt8(piece.readUInt8() ^ this.#flips);
      this.#flips = 0;
      this.passed += piece.length;
      await this.#write(piece);
      this.#strikeDue();
    }
  }

  end(): void {
    this.#options.to.end();
  }

  #strikeDue(): void {
    for (let next = this.#planned[0]; next !== undefined && next.at <= this.passed; next = this.#planned[0]) {
      this.#planned.shift();
      this.strike(next.fault);
    }
  }

  #stop(ms: number | undefined): void {
    this.#stopped = new Promise((resolve) => (this.#goOn = resolve));
    if (ms === undefined) return;
    const { signal } = this.#options;
    void sleep(ms, undefined, { signal }).then(
      () => this.go(),
      () => undefined,
    );
  }

  /** Waits until the kernel has it, so that a slow receiver slows the sender; whether it has arrived nobody knows. */
  #write(piece: Buffer): Promise<void> {
    return new Promise((resolve) => this.#options.to.write(piece, () => resolve()));
  }
}

/** A socket's bytes; whoever has read enough leaves it open. */
const chunksOf = (socket: Socket): AsyncIterable<Buffer> =>
  socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;

/** The same chunks, with the first ten bytes shown before any of them; a connection that ends earlier shows what it had. */
async function* behindHead(chunks: AsyncIterable<Buffer>, show: (head: Buffer) => void): AsyncGenerator<Buffer> {
  let waiting: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (waiting === undefined) {
      yield chunk;
      continue;
    }
    waiting = Buffer.concat([waiting, chunk]);
    if (waiting.length < DATA_HEADER.length) continue;
    show(waiting.subarray(0, DATA_HEADER.length));
    yield waiting;
    waiting = undefined;
  }
  if (waiting === undefined) return;
  show(waiting);
  yield waiting;
}
