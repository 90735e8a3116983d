import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Command, Reply } from '../dialects/session.ts';
import type { SluiceError } from '../errors/errors.ts';
import { sluiceError } from '../errors/from-system.ts';
import type { RemotePath } from '../protocol/path.ts';

/** A command that moves no content, as the server saw it; for those that do there is the `TransferReport`. */
export type PlainCommand = Exclude<Command, { type: 'download' | 'upload' | 'download-tree' | 'upload-tree' | 'ping' }>;

/** How one command that moves no content ended. */
export interface CommandReport {
  readonly command: PlainCommand['type'];
  /** What it was about; of a move, what is moved. */
  readonly path?: RemotePath;
  /** Why it failed. */
  readonly error?: SluiceError;
}

/**
 * Watches a command's replies and reports once how it ended, or that a listing has begun; nothing of one that is
 * cancelled, and nothing of those that move content or only measure the way. Passes everything on unchanged.
 */
export const reportCommand = (
  command: Command,
  report: (report: CommandReport) => void,
): MonoTypeOperatorFunction<Reply> =>
  tap({
    complete: () => isPlain(command) && report(facts(command)),
    error: (error: unknown) => isPlain(command) && report({ ...facts(command), error: sluiceError(error) }),
  });

const NOT_PLAIN = ['download', 'upload', 'download-tree', 'upload-tree', 'ping'];

const isPlain = (command: Command): command is PlainCommand => !NOT_PLAIN.includes(command.type);

const facts = (command: PlainCommand): CommandReport => {
  const path = command.type === 'move' ? command.from : command.type === 'space' ? undefined : command.path;
  return { command: command.type, ...(path !== undefined && { path }) };
};
