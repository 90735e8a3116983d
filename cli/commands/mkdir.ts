import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';

interface MkdirArguments extends ConnectionFlags {
  readonly url: string;
}

export const mkdirCommand = defineCommand<MkdirArguments>({
  command: 'mkdir <url>',
  describe: 'make a remote folder',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/folder' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    await withSession(url, flags, (client) => client.makeFolder(url.path));
    new Reporter(flags).result({ type: 'made', url: flags.url }, [`${flags.url}: made`]);
  },
});
