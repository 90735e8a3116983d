import type { PeerSession } from './peer.ts';

/** Tells what the server's memory grew by for each session, at most. */
export const bytesPerSession = async (session: PeerSession, count: number): Promise<PeerSession> => {
  const { server: before } = await session.usage();
  return {
    ...session,
    act: async (times) => {
      const timing = await session.act(times);
      const { server: after } = await session.usage();
      return { ...timing, figures: { 'KB a session': (after.peakBytes - before.peakBytes) / count / 1000 } };
    },
  };
};
