import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { readListing, reportListing } from '../listing.ts';
import { Reporter } from '../reporter.ts';

interface LsArguments extends ConnectionFlags {
  readonly url: string;
}

export const lsCommand = defineCommand<LsArguments>({
  command: 'ls <url>',
  aliases: ['dir'],
  describe: 'list a remote folder',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/folder' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    const entries = await withSession(url, flags, (client) => readListing(client, url.path));
    reportListing(entries, new Reporter(flags));
  },
});
