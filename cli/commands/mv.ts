import { OptionError } from '../../lib/index.ts';
import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
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
    await withSession(from, flags, (client) => client.move(from.path, to.path));
    new Reporter(flags).result({ type: 'moved', from: flags.from, to: flags.to }, [`${flags.from} -> ${flags.to}`]);
  },
});
