import { type Client, type Entry, type RemotePath, SluiceError } from '../lib/index.ts';

/** What is at a path, as far as the server can tell about a single one; errors with `NOT_FOUND` if nothing is. */
export const remoteKind = async (client: Client, path: RemotePath): Promise<Entry['kind'] | 'unknown'> =>
  (await ifSupported(client.stat(path)))?.kind ?? 'unknown';

/** Whether a path is a folder on the server; false also if nothing is there, or the server cannot tell. */
export const isRemoteFolder = async (client: Client, path: RemotePath): Promise<boolean> => {
  try {
    return path.length === 0 || (await remoteKind(client, path)) === 'folder';
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
};

/** An answer, or nothing from a server whose dialect has no words for it. */
export const ifSupported = async <T>(answer: Promise<T>): Promise<T | undefined> => {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'UNSUPPORTED') return undefined;
    throw error;
  }
};
