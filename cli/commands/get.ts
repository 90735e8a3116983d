import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { OptionError, pump, toWritable } from '../../lib/index.ts';
import { type RemoteUrl, parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';
import { STANDARD_STREAM } from '../standard-stream.ts';
import { TRANSFER_FLAGS, type TransferFlags, runTransfer, transferOptions } from '../transfer.ts';

interface GetArguments extends ConnectionFlags, TransferFlags {
  readonly url: string;
  readonly local?: string | undefined;
}

export const getCommand = defineCommand<GetArguments>({
  command: 'get <url> [local]',
  aliases: ['download'],
  describe: 'download a file',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/file' })
      .positional('local', { type: 'string', describe: 'file or folder to write to, - for standard output' })
      .options({ ...TRANSFER_FLAGS, ...CONNECTION_FLAGS }),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    const name = url.path.at(-1);
    if (name === undefined || url.isFolder) throw new OptionError(`${flags.url} names a folder: get takes one file`);
    if (flags.local === STANDARD_STREAM) return toStandardOutput(url, flags);
    const local = await localTarget(flags.local, name);
    await withSession(url, flags, async (client, signal) => {
      const progress$ = client.download(url.path, local, { ...transferOptions(flags), signal });
      const label = { direction: 'download', from: flags.url, to: local } as const;
      await runTransfer(progress$, label, new Reporter(flags));
    });
  },
});

const toStandardOutput = (url: RemoteUrl, flags: GetArguments): Promise<void> =>
  withSession(url, flags, async (client) => {
    const copy$ = pump(client.source(url.path), toWritable(process.stdout, { end: false }));
    await lastValueFrom(copy$, { defaultValue: undefined });
  });

/** A folder, or a name that ends in a slash, takes the file under its own name. */
const localTarget = async (local: string | undefined, name: string): Promise<string> => {
  if (local === undefined) return name;
  if (local.endsWith('/')) return join(local, name);
  const stats = await stat(local).catch(() => undefined);
  return stats?.isDirectory() ? join(local, name) : local;
};
