import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';

interface RmdirArguments extends ConnectionFlags {
  readonly url: string;
  readonly recursive: boolean;
}

export const rmdirCommand = defineCommand<RmdirArguments>({
  command: 'rmdir <url>',
  describe: 'remove a remote folder, an empty one unless -r is given',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/folder' })
      .option('recursive', { alias: 'r', type: 'boolean', default: false, describe: 'with all that is in it' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const url = parseUrl(flags.url);
    await withSession(url, flags, (client) => client.removeFolder(url.path, { recursive: flags.recursive }));
    new Reporter(flags).result({ type: 'removed', url: flags.url }, [`${flags.url}: removed`]);
  },
});
