import type { DialectName } from '../dialects/registry.ts';
import type { SluiceError } from '../errors/errors.ts';
import type { CommandReport } from '../session/command-report.ts';
import type { TransferReport } from '../session/transfer-report.ts';

/** What happens on a server. */
export type ServerEvent =
  /** The server is there; once for each port. */
  | { readonly type: 'listening'; readonly dialect: DialectName; readonly host: string; readonly port: number }
  | { readonly type: 'session-opened'; readonly session: number; readonly address: string }
  /** A command that moves no content has ended, or a listing has begun. */
  | ({ readonly type: 'command'; readonly session: number; readonly address: string } & CommandReport)
  | ({ readonly type: 'transfer'; readonly session: number; readonly address: string } & TransferReport)
  | {
      readonly type: 'session-closed';
      readonly session: number;
      readonly address: string;
      readonly seconds: number;
      /** What ended the session, unless the client left in order. */
      readonly error?: SluiceError;
    }
  /** A connection that never became a session: no place, no hello in time, or not our protocol. */
  | { readonly type: 'turned-away'; readonly address: string; readonly error: SluiceError }
  /** No new work is taken; what runs may end. */
  | { readonly type: 'stopping' };
