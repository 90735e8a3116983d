import { basename } from 'node:path';
import { lastValueFrom } from 'rxjs';
import {
  FileError,
  OptionError,
  RemoteError,
  type RemotePath,
  formatPath,
  fromReadable,
  pump,
} from '../../lib/index.ts';
import { type RemoteUrl, parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { display } from '../display.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { Reporter } from '../reporter.ts';
import { STANDARD_STREAM } from '../standard-stream.ts';
import { TRANSFER_FLAGS, type TransferFlags, runTransfer, transferOptions } from '../transfer.ts';
import { formatBytes } from '../units.ts';

interface PutArguments extends ConnectionFlags, TransferFlags {
  readonly names: string[];
}

export const putCommand = defineCommand<PutArguments>({
  command: 'put <names..>',
  aliases: ['upload'],
  describe: 'upload files: put LOCAL... URL',
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
      const options = { ...transferOptions(flags), signal };
      const put = async (local: string): Promise<void> => {
        const target = targetFor(local, url);
        if (local === STANDARD_STREAM) {
          const progress$ = pump(fromReadable(process.stdin), client.sink(target, options));
          const { bytes } = await lastValueFrom(progress$, { defaultValue: { bytes: 0 } });
          const to = formatPath(target);
          const result = { type: 'completed', direction: 'upload', from: '-', to, bytes };
          reporter.result(result, [`- -> ${display(to)}: ${formatBytes(bytes)}, verified`]);
          return;
        }
        const label = { direction: 'upload', from: local, to: formatPath(target) } as const;
        await runTransfer(client.upload(local, target, options), label, reporter);
      };
      await forEachFile(locals, put, reporter);
    });
  },
});

/** Two files of one name would become one, and nobody would be told. */
const assertDifferentNames = (locals: readonly string[], { isFolder }: RemoteUrl): void => {
  const names = locals.map((local) => basename(local));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (isFolder && twice !== undefined) throw new OptionError(`two of the files are called "${twice}"`);
};

/** Does the same for each file; one that fails is reported and does not keep the others from their turn. */
const forEachFile = async (
  files: readonly string[],
  act: (file: string) => Promise<void>,
  reporter: Reporter,
): Promise<void> => {
  for (const [index, file] of files.entries()) {
    try {
      await act(file);
    } catch (error) {
      const isLast = index === files.length - 1;
      if (isLast || !(error instanceof FileError || error instanceof RemoteError)) throw error;
      reporter.error(error);
      process.exitCode ??= exitCodeOf(error);
    }
  }
};

const targetFor = (local: string, { path, isFolder }: RemoteUrl): RemotePath => {
  if (!isFolder) return path;
  if (local === STANDARD_STREAM) throw new OptionError('standard input needs a URL that names a file');
  return [...path, basename(local)];
};
