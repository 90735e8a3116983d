import { defineCommand } from '../define-command.ts';
import { Reporter } from '../reporter.ts';

interface TryArguments {
  readonly command?: string | undefined;
}

export const tryCommand = defineCommand<TryArguments>({
  command: 'try',
  describe: 'serve a sample folder and open the ftp> prompt on it, in one process',
  builder: (yargs) =>
    yargs.option('command', {
      alias: 'c',
      type: 'string',
      describe: 'commands to run instead, like "ls; get hello.txt"',
    }),
  handler: async ({ command }) => {
    const [{ openPrompt }, { serveSample }] = await Promise.all([
      import('../prompt/open-prompt.ts'),
      import('../sample.ts'),
    ]);
    const reporter = new Reporter({});
    const sample = await serveSample();
    try {
      if (process.stdin.isTTY && command === undefined)
        reporter.note(
          `A server for a sample folder (${sample.root}) runs on port ${sample.port} until you leave.\n` +
            'Try: ls, get hello.txt, put FILE, cd pub, help, quit.',
        );
      const address = { host: '127.0.0.1', port: sample.port };
      const flags = { dialect: 'native', timeout: 10, clientListens: false, retries: 5 } as const;
      process.exitCode = await openPrompt(address, command, flags, reporter);
    } finally {
      await sample.close();
    }
  },
});
