import { DEFAULT_PORT, parsePort, plainHost } from '../address.ts';
import { CONNECTION_FLAGS, type ConnectionFlags } from '../connection.ts';
import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';

interface ConnectArguments extends ConnectionFlags {
  readonly host?: string | undefined;
  readonly port: string;
  readonly command?: string | undefined;
}

export const connectCommand = defineCommand<ConnectArguments>({
  command: 'connect [host] [port]',
  describe: 'open the ftp> prompt; reads commands from a pipe too',
  builder: (yargs) =>
    yargs
      .positional('host', { type: 'string', describe: 'server to connect to at once' })
      .positional('port', { type: 'string', default: String(DEFAULT_PORT), describe: 'its port' })
      .option('command', { alias: 'c', type: 'string', describe: 'commands to run instead, like "put a; ls"' })
      .options(CONNECTION_FLAGS),
  handler: async (flags) => {
    const { openPrompt } = await import('../prompt/open-prompt.ts');
    const address = flags.host === undefined ? undefined : { host: plainHost(flags.host), port: parsePort(flags.port) };
    process.exitCode = await openPrompt(address, flags.command, flags, new Reporter(flags));
  },
});
