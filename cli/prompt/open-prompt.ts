import type { ServerAddress } from '../address.ts';
import type { SessionFlags } from '../connection.ts';
import type { Reporter } from '../reporter.ts';
import { PromptSession } from './prompt-session.ts';
import { runCommands, runPipe, runTerminal } from './prompt.ts';

/**
 * Opens the prompt, connected if an address is given: on a terminal, for the commands of a text, or for the lines of a
 * pipe. Gives the exit code. A server that cannot be reached at the start is an error and opens no prompt.
 */
export const openPrompt = async (
  address: ServerAddress | undefined,
  commands: string | undefined,
  flags: SessionFlags,
  reporter: Reporter,
): Promise<number> => {
  const session = new PromptSession(flags);
  if (address !== undefined) {
    await session.connect(address);
    reporter.note(`connected to ${address.host} port ${address.port}`);
  }
  try {
    if (commands !== undefined) return await runCommands(commands, session, reporter);
    if (process.stdin.isTTY) return await runTerminal(session, reporter);
    return await runPipe(process.stdin, session, reporter);
  } finally {
    await session.disconnect();
  }
};
