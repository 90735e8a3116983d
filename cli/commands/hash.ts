import { DIGEST_NAMES, type DigestName, formatPath } from '../../lib/index.ts';
import { parseUrl } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags, withSession } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { display } from '../display.ts';
import { Reporter } from '../reporter.ts';

interface HashArguments extends ConnectionFlags {
  readonly url: string;
  readonly algorithm: DigestName;
}

export const hashCommand = defineCommand<HashArguments>({
  command: 'hash <url>',
  describe: 'show the digest of a remote file, as b3sum and sha256sum do',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'sluice://host:port/file' })
      .option('algorithm', { choices: DIGEST_NAMES, default: 'blake3', describe: 'which digest' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const { path, ...address } = parseUrl(flags.url);
    const { algorithm } = flags;
    const digest = await withSession(address, flags, (client) => client.hash(path, algorithm));
    const result = { type: 'digest', algorithm, path, digest };
    new Reporter(flags).result(result, [`${digest}  ${display(formatPath(path))}`]);
  },
});
