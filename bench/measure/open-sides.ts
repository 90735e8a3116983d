import type { ClientSide, PeerSession, ServerAddress, ServerSide, Side } from './peer.ts';

/** A session made of a server, and of a client that is started when the server can be reached. */
export const openSides = async (
  startServer: () => Promise<ServerSide>,
  startClient: (address: ServerAddress) => Promise<ClientSide>,
): Promise<PeerSession> => {
  const server = await startServer();
  try {
    return joinSides(await startClient(server.address), server);
  } catch (error) {
    await server.close();
    throw error;
  }
};

/** A session of a client alone, which needs no server. */
export const openClient = (client: ClientSide): PeerSession => joinSides(client, NO_SERVER);

const NO_SERVER: Side = {
  usage: () => Promise.resolve({ cpuSeconds: 0, peakBytes: 0 }),
  close: () => Promise.resolve(),
};

const joinSides = (client: ClientSide, server: Side): PeerSession => ({
  act: (times) => client.act(times),
  usage: async () => ({ client: await client.usage(), server: await server.usage() }),
  close: async () => {
    await client.close();
    await server.close();
  },
});
