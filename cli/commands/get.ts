import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { OptionError, pumpWithin, toWritable } from '../../lib/index.ts';
import { type RemoteUrl, parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { downloadTo, isLocalFolder } from '../copy.ts';
import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';
import { STANDARD_STREAM } from '../standard-stream.ts';
import { TRANSFER_FLAGS, type TransferFlags, transferOptions, treeOptions } from '../transfer.ts';

// Standard output is done with a chunk when it says so.
const lendingPump = pumpWithin({ lend: true });

interface GetArguments extends ConnectionFlags, TransferFlags {
  readonly url: string;
  readonly local?: string | undefined;
}

export const getCommand = defineCommand<GetArguments>({
  command: 'get <url> [local]',
  aliases: ['download'],
  describe: 'download a file, or with -r a folder',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/file' })
      .positional('local', { type: 'string', describe: 'file or folder to write to, - for standard output' })
      .option('keep-parts', { type: 'number', default: 7, describe: 'days that unfinished downloads are kept' })
      .options({ ...TRANSFER_FLAGS, ...CONNECTION_FLAGS }),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    if (url.isFolder && !flags.recursive)
      throw new OptionError(`${flags.url} names a folder: get takes one file, and get -r a folder`);
    if (flags.local === STANDARD_STREAM) return toStandardOutput(url, flags);
    const local = await localTarget(url, flags);
    const reporter = new Reporter(flags);
    await withSession(url, flags, async (client, signal) => {
      const { recursive } = flags;
      const options = {
        recursive,
        file: { ...transferOptions(flags), signal },
        tree: { ...treeOptions(flags), signal },
      };
      const label = { direction: 'download', from: flags.url, to: local } as const;
      await downloadTo(client, { remote: url.path, local, label }, options, reporter);
    });
    process.exitCode ??= reporter.exitCode;
  },
});

const toStandardOutput = (url: RemoteUrl, flags: GetArguments): Promise<void> => {
  if (flags.recursive) throw new OptionError('a folder cannot go to standard output: leave out -r');
  return withSession(url, flags, async (client) => {
    const copy$ = lendingPump(client.source(url.path), toWritable(process.stdout, { end: false }));
    await lastValueFrom(copy$, { defaultValue: undefined });
  });
};

/** What names a folder by its form: `new/`, `.`, `../..`. */
const FOLDER_FORM = /(^|\/)\.{0,2}$/;

/**
 * A folder, or a name that has a folder's form, takes what comes under its own name. With `recursive` only the form counts:
 * the same command again means the same place, where the folder of the first time is by then.
 */
const localTarget = async ({ path }: RemoteUrl, { local, recursive }: GetArguments): Promise<string> => {
  const name = path.at(-1);
  // The root has no name of its own.
  if (name === undefined) {
    if (local === undefined) throw new OptionError('say which folder here the server’s root shall go to');
    return local;
  }
  if (local === undefined) return name;
  const takesIt = FOLDER_FORM.test(local) || (!recursive && (await isLocalFolder(local)));
  return takesIt ? join(local, name) : local;
};
