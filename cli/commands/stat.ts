import { formatPath } from '../../lib/index.ts';
import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { formatEntry } from '../listing.ts';
import { Reporter } from '../reporter.ts';

interface StatArguments extends ConnectionFlags {
  readonly url: string;
}

export const statCommand = defineCommand<StatArguments>({
  command: 'stat <url>',
  describe: 'show size, time and permissions of a remote file or folder',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/path' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    const entry = await withSession(url, flags, (client) => client.stat(url.path));
    new Reporter(flags).result(entry, formatEntry(entry, formatPath(url.path)));
  },
});
