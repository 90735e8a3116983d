import type { PeerSession } from './peer.ts';

/**
 * Tells what the server's highest memory grew by for each session: for the first ones on an empty server, and for later ones,
 * which come as soon as those before them have left, so that nothing of these may be collected yet.
 */
export const bytesPerSession = async (session: PeerSession, count: number): Promise<PeerSession> => {
  const { server: before } = await session.usage();
  let first: number | undefined;
  return {
    ...session,
    act: async (times) => {
      const timing = await session.act(times);
      const { server: after } = await session.usage();
      const grown = (after.peakBytes - before.peakBytes) / count / 1000;
      first ??= grown;
      return { ...timing, figures: { 'KB a session': first, 'KB where as many had just left': grown } };
    },
  };
};
