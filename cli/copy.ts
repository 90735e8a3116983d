import { stat } from 'node:fs/promises';
import {
  type Client,
  FileError,
  RemoteError,
  type RemotePath,
  type TransferOptions,
  type TreeOptions,
  formatPath,
} from '../lib/index.ts';
import type { Reporter } from './reporter.ts';
import { isRemoteFolder } from './remote-kind.ts';
import { type TransferLabel, runTransfer, runTree } from './transfer.ts';

/** How files, and with `recursive` folders, shall be copied. */
export interface CopyOptions {
  readonly recursive: boolean;
  readonly file: TransferOptions;
  readonly tree: TreeOptions;
}

/** What goes where: a place on the server, one on this machine, and how they are called in front of the user. */
export interface CopyPlaces {
  readonly remote: RemotePath;
  readonly local: string;
  readonly label: TransferLabel;
}

/** Downloads a file, or a folder where that is wanted, to its end. */
export const downloadTo = async (
  client: Client,
  { remote, local, label }: CopyPlaces,
  { recursive, file, tree }: CopyOptions,
  reporter: Reporter,
): Promise<void> => {
  if (recursive && (await isRemoteFolder(client, remote)))
    return runTree(client.downloadTree(remote, local, tree), label, reporter);
  try {
    await runTransfer(client.download(remote, local, file), label, reporter);
  } catch (error) {
    if (!(error instanceof RemoteError) || error.code !== 'NOT_A_FILE') throw error;
    if (!(await isRemoteFolder(client, remote))) throw error;
    throw new RemoteError(
      'NOT_A_FILE',
      `${formatPath(remote)}: is a folder; get -r downloads it and all that is in it`,
    );
  }
};

/** Uploads a file, or a folder where that is wanted, to its end. */
export const uploadFrom = async (
  client: Client,
  { remote, local, label }: CopyPlaces,
  { recursive, file, tree }: CopyOptions,
  reporter: Reporter,
): Promise<void> => {
  if (!(await isLocalFolder(local))) return runTransfer(client.upload(local, remote, file), label, reporter);
  if (!recursive) throw new FileError('NOT_A_FILE', `${local}: is a folder; put -r uploads it and all that is in it`);
  return runTree(client.uploadTree(local, remote, tree), label, reporter);
};

export const isLocalFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
