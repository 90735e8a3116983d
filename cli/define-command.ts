import type { Argv, CommandModule } from 'yargs';

export interface CommandDefinition<Flags> {
  readonly command: string;
  readonly aliases?: readonly string[];
  readonly describe: string;
  readonly builder: (yargs: Argv) => unknown;
  readonly handler: (flags: Flags) => Promise<void>;
}

/**
 * One command of the command line, whose flags have a known shape. yargs fills them in as the builder says, but its types
 * lose the flags with a dash in their name: this is the one place that vouches for the shape.
 */
export const defineCommand = <Flags>(definition: CommandDefinition<Flags>): CommandModule =>
  definition as unknown as CommandModule;
