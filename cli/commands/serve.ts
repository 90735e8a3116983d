import { lastValueFrom, tap } from 'rxjs';
import { DIALECT_NAMES, OptionError, serve, untilAborted } from '../../lib/index.ts';
import { DEFAULT_PORT } from '../address.ts';
import { parseDataPorts } from '../data-ports.ts';
import { defineCommand } from '../define-command.ts';
import { DAY_MS } from '../units.ts';
import { type ServerPortFlags, serverPorts } from '../server-ports.ts';
import { sumUp } from '../sum-up.ts';

interface ServeArguments extends ServerPortFlags {
  readonly root: string;
  readonly host: string;
  readonly anonymous: boolean;
  readonly readOnly: boolean;
  readonly dataPorts: string;
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  readonly maxTransfers: number;
  readonly maxTransfersInAll: number;
  readonly keepParts: number;
  readonly grace: number;
  readonly logLevel: string;
}

const SAME_SIGNAL_MS = 300;

export const serveCommand = defineCommand<ServeArguments>({
  command: 'serve [port]',
  describe: 'serve a folder',
  builder: (yargs) =>
    yargs
      .positional('port', {
        type: 'string',
        describe: `port, ${DEFAULT_PORT} if no other is named; 0 picks a free one`,
      })
      .options({
        dialect: { type: 'string', choices: DIALECT_NAMES, describe: 'what that port speaks, if not native' },
        listen: {
          type: 'string',
          array: true,
          nargs: 1,
          describe: 'DIALECT:PORT, one more port and what it speaks; can be given again',
        },
        root: { type: 'string', default: '.', describe: 'the folder to serve' },
        host: {
          type: 'string',
          default: '127.0.0.1',
          describe: 'address to listen on; others than loopback need --anonymous',
        },
        anonymous: { type: 'boolean', default: false, describe: 'let everybody in who can reach the port' },
        'read-only': { type: 'boolean', default: false, describe: 'refuse every change' },
        'data-ports': {
          type: 'string',
          default: 'ephemeral',
          describe: 'ephemeral, FROM-TO, one PORT for all transfers, or same (the port itself)',
        },
        'max-sessions': { type: 'number', default: 10_000, describe: 'sessions at a time' },
        'max-sessions-per-address': { type: 'number', default: 1_000, describe: 'sessions at a time from one address' },
        'max-transfers': { type: 'number', default: 16, describe: 'transfers at a time in one session' },
        'max-transfers-in-all': { type: 'number', default: 256, describe: 'transfers at a time in all sessions' },
        'keep-parts': { type: 'number', default: 7, describe: 'days that unfinished transfers are kept' },
        grace: { type: 'number', default: 30, describe: 'seconds that running transfers get at Ctrl-C' },
        'log-level': {
          type: 'string',
          default: 'info',
          choices: ['debug', 'info', 'warn', 'error', 'silent'],
          describe: 'least important lines to log',
        },
      }),
  handler: async (flags) => {
    const [{ createLogger }, { logEvent }] = await Promise.all([import('../logger.ts'), import('../server-log.ts')]);
    if (!(flags.grace > 0)) throw new OptionError(`grace must be above 0 seconds, not ${flags.grace}`);
    const logger = createLogger(flags.logLevel);
    const stop = new AbortController();
    const server$ = serve({
      listen: serverPorts(flags),
      root: flags.root,
      host: flags.host,
      anonymous: flags.anonymous,
      readOnly: flags.readOnly,
      dataPorts: parseDataPorts(flags.dataPorts),
      maxSessions: flags.maxSessions,
      maxSessionsPerAddress: flags.maxSessionsPerAddress,
      maxTransfers: flags.maxTransfers,
      maxTransfersInAll: flags.maxTransfersInAll,
      keepPartsMs: flags.keepParts * DAY_MS,
      graceMs: Math.ceil(flags.grace * 1000),
      stop: stop.signal,
    });
    const end = new AbortController();
    let firstAt = -Infinity;
    // The first Ctrl-C lets running transfers end, the second one does not. Programs that pass signals on deliver one
    // Ctrl-C twice within milliseconds.
    const onSignal = () => {
      if (performance.now() - firstAt < SAME_SIGNAL_MS) return;
      if (!stop.signal.aborted) firstAt = performance.now();
      (stop.signal.aborted ? end : stop).abort();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      await lastValueFrom(
        server$.pipe(
          untilAborted(end.signal),
          sumUp(),
          tap((event) => logEvent(logger, event)),
        ),
      );
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
  },
});
