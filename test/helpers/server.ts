import type { TestContext } from 'node:test';
import {
  type Client,
  type ConnectClientOptions,
  type ServeOptions,
  type ServerEvent,
  connectClient,
  serve,
} from '../../lib/index.ts';
import { temporaryFolder } from './folder.ts';

export interface TestServer {
  /** The first port that it listens on. */
  readonly port: number;
  readonly root: string;
  /** All that has happened so far. */
  readonly events: readonly ServerEvent[];
  /** The first event of a type, waiting for it if need be. */
  event<T extends ServerEvent['type']>(type: T): Promise<Extract<ServerEvent, { type: T }>>;
  /** Ends at once. */
  close(): void;
  /** Settles when the server's observable has ended by itself. */
  readonly ended: Promise<void>;
}

/** A real server on a free loopback port, for a temporary folder unless `root` names one; closed when the test ends. */
export const startServer = async (test: TestContext, options: Partial<ServeOptions> = {}): Promise<TestServer> => {
  const root = options.root ?? (options.store === undefined ? await temporaryFolder(test) : '');
  const events: ServerEvent[] = [];
  const waiting = new Set<() => void>();
  const where = options.store === undefined ? { root } : {};
  let settle: () => void;
  const ended = new Promise<void>((resolve) => (settle = resolve));
  const subscription = await new Promise<{ unsubscribe: () => void; port: number }>((resolve, reject) => {
    const ports = options.listen === undefined ? { port: 0 } : {};
    const running = serve({ ...ports, ...where, ...options }).subscribe({
      next: (event) => {
        events.push(event);
        if (event.type === 'listening') resolve({ unsubscribe: () => running.unsubscribe(), port: event.port });
        for (const look of waiting) look();
      },
      error: reject,
      complete: () => settle(),
    });
    test.after(() => running.unsubscribe());
  });
  return {
    port: subscription.port,
    root,
    events,
    ended,
    close: () => subscription.unsubscribe(),
    event: (type) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find((event) => event.type === type);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found as never);
        };
        waiting.add(look);
        look();
      }),
  };
};

/** A client of a test server, closed when the test ends; it fails at once unless told to try again. */
export const startClient = async (
  test: TestContext,
  { port }: Pick<TestServer, 'port'>,
  options: ConnectClientOptions = {},
): Promise<Client> => {
  const client = await connectClient({ host: '127.0.0.1', port, retries: 0, ...options });
  test.after(() => client.close());
  return client;
};
