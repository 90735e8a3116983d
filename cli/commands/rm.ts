import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';

interface RmArguments extends ConnectionFlags {
  readonly url: string;
}

export const rmCommand = defineCommand<RmArguments>({
  command: 'rm <url>',
  aliases: ['delete'],
  describe: 'delete a remote file',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/file' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    await withSession(url, flags, (client) => client.remove(url.path));
    new Reporter(flags).result({ type: 'deleted', url: flags.url }, [`${flags.url}: deleted`]);
  },
});
