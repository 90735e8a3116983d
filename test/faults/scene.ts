import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { type Client, type ConnectClientOptions, type ServeOptions, SluiceError } from '../../lib/index.ts';
import { type FaultProxy, type PlannedFault, startFaultProxy } from '../helpers/fault-proxy.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { openSession, until } from '../helpers/raw-peer.ts';
import { type TestServer, startClient, startServer } from '../helpers/server.ts';

/** A server and its client, with a breakable network between. */
export interface Scene {
  readonly server: TestServer;
  readonly proxy: FaultProxy;
  readonly client: Client;
  /** A folder of the client's side. */
  readonly local: string;
}

export interface SceneOptions {
  readonly plan?: readonly PlannedFault[];
  readonly serve?: Partial<ServeOptions>;
  readonly connect?: ConnectClientOptions;
}

export const startScene = async (
  test: TestContext,
  { plan = [], serve = {}, connect = {} }: SceneOptions = {},
): Promise<Scene> => {
  const server = await startServer(test, { dataPorts: 'same', ...serve });
  const proxy = await startFaultProxy(test, server, plan);
  const client = await startClient(test, proxy, { host: proxy.host, ...connect });
  return { server, proxy, client, local: await temporaryFolder(test) };
};

/** `done`, or the code of the error that work ends with. */
export const outcomeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'done';
  } catch (error) {
    assert.ok(error instanceof SluiceError, `not a typed error: ${String(error)}`);
    return error.code;
  }
};

/** Asserts that a folder soon has these files and no others, part files included. */
export const assertFiles = (folder: string, names: readonly string[]): Promise<void> =>
  until(
    `only ${names.join()} in the folder`,
    async () => (await readdir(folder)).filter(isVisible).sort().join('\n') === [...names].sort().join('\n'),
  );

/** Asserts that a server answers somebody new. */
export const assertServes = async (test: TestContext, { port }: { readonly port: number }): Promise<void> => {
  const session = await openSession(test, { port });
  assert.deepEqual(await session.ask({ type: 'ping', id: 1 }), { type: 'pong', id: 1 });
  assert.deepEqual(await session.ask({ type: 'quit', id: 2 }), { type: 'done', id: 2 });
  await session.rest();
};

// What a transfer that broke off has verified is kept, where nobody sees it.
const isVisible = (name: string): boolean => !name.startsWith('.sluice-part-');
