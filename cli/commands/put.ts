import { basename, resolve } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { OptionError, type RemotePath, formatPath, fromReadable, pump } from '../../lib/index.ts';
import { type RemoteUrl, parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { uploadFrom } from '../copy.ts';
import { defineCommand } from '../define-command.ts';
import { display } from '../display.ts';
import { forEachFile } from '../for-each-file.ts';
import { Reporter } from '../reporter.ts';
import { STANDARD_STREAM } from '../standard-stream.ts';
import { TRANSFER_FLAGS, type TransferFlags, transferOptions, treeOptions } from '../transfer.ts';
import { formatBytes } from '../units.ts';

interface PutArguments extends ConnectionFlags, TransferFlags {
  readonly names: string[];
}

export const putCommand = defineCommand<PutArguments>({
  command: 'put <names..>',
  aliases: ['upload'],
  describe: 'upload files, and with -r folders: put LOCAL... URL',
  builder: (yargs) =>
    yargs
      .positional('names', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'files (- for standard input), then sluice://host:port/name or sluice://host:port/folder/',
      })
      .options({ ...TRANSFER_FLAGS, ...CONNECTION_FLAGS }),
  handler: async (flags) => {
    const locals = flags.names.slice(0, -1);
    const url = parseUrl(flags.names.at(-1) ?? '');
    if (locals.length === 0) throw new OptionError('put needs at least one file before the URL');
    if (locals.length > 1 && !url.isFolder) throw new OptionError('several files need a URL that ends in /');
    assertDifferentNames(locals, url);
    const reporter = new Reporter(flags);
    await withSession(url, flags, async (client, signal) => {
      const { recursive } = flags;
      const options = {
        recursive,
        file: { ...transferOptions(flags), signal },
        tree: { ...treeOptions(flags), signal },
      };
      const put = async (local: string): Promise<void> => {
        const remote = targetFor(local, url);
        const to = formatPath(remote);
        if (local === STANDARD_STREAM) {
          const progress$ = pump(fromReadable(process.stdin), client.sink(remote, options.file));
          const { bytes } = await lastValueFrom(progress$, { defaultValue: { bytes: 0 } });
          const result = { type: 'completed', direction: 'upload', from: '-', to, bytes };
          reporter.result(result, [`- -> ${display(to)}: ${formatBytes(bytes)}, verified`]);
          return;
        }
        const label = { direction: 'upload', from: local, to } as const;
        await uploadFrom(client, { remote, local, label }, options, reporter);
      };
      await forEachFile(locals, put, reporter);
    });
    process.exitCode ??= reporter.exitCode;
  },
});

/** Two files of one name would become one, and nobody would be told. */
const assertDifferentNames = (locals: readonly string[], { isFolder }: RemoteUrl): void => {
  const names = locals.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (isFolder && twice !== undefined) throw new OptionError(`two of the files are called "${twice}"`);
};

const targetFor = (local: string, { path, isFolder }: RemoteUrl): RemotePath => {
  if (!isFolder) return path;
  if (local === STANDARD_STREAM) throw new OptionError('standard input needs a URL that names a file');
  const name = nameOf(local);
  if (name === '') throw new OptionError(`${local} has no name: use a URL that does not end in /`);
  return [...path, name];
};

/** The name of a file or folder, also of `.`, `..` and what a link in the shell's path leads to. */
const nameOf = (local: string): string => (local === STANDARD_STREAM ? local : basename(resolve(local)));
