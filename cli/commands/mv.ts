import { OptionError } from '../../lib/index.ts';
import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { remoteKind } from '../remote-kind.ts';
import { Reporter } from '../reporter.ts';

interface MvArguments extends ConnectionFlags {
  readonly from: string;
  readonly to: string;
}

export const mvCommand = defineCommand<MvArguments>({
  command: 'mv <from> <to>',
  aliases: ['move'],
  describe: 'move a remote file or folder to a new name or into a folder, on the same server',
  builder: (yargs) =>
    yargs
      .positional('from', { type: 'string', demandOption: true, describe: 'sluice://host:port/path' })
      .positional('to', { type: 'string', demandOption: true, describe: 'sluice://host:port/path' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const from = parseUrl(flags.from);
    const to = parseUrl(flags.to);
    if (from.host !== to.host || from.port !== to.port) throw new OptionError('mv moves within one server only');
    await withSession(from, flags, async (client) => {
      // A slash behind a name that is not there yet makes it a folder's, which a folder may get and a file may not.
      const isInside = to.isFolder && (await remoteKind(client, from.path)) === 'file';
      await client.move(from.path, isInside ? [...to.path, ...from.path.slice(-1)] : to.path);
    });
    new Reporter(flags).result({ type: 'moved', from: flags.from, to: flags.to }, [`${flags.from} -> ${flags.to}`]);
  },
});
